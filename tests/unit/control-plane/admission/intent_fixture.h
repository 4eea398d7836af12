// A door of intent over a store in memory, with a project to apply into.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "control-plane/admission/intent.h"
#include "control-plane/audit/chain.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/memory_store.h"
#include "control-plane/watch/codec.h"
#include "shared/base/clock.h"
#include "shared/base/random.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"

namespace perigee::control {

inline constexpr char kSite[] = R"(
apiVersion: perigee.dev/v1
kind: Site
metadata: {name: berlin, labels: {country: de}}
spec: {values: {city: Berlin}}
)";
inline constexpr char kConfig[] = R"(
apiVersion: perigee.dev/v1
kind: Config
metadata: {name: web}
spec: {data: {nginx.conf: "server {}"}}
)";
inline constexpr char kSecret[] = R"(
apiVersion: perigee.dev/v1
kind: Secret
metadata: {name: pay}
spec: {data: {api: canary-7f3a}}
)";
inline constexpr char kWorkload[] = R"(
apiVersion: perigee.dev/v1
kind: Workload
metadata: {name: web}
spec:
  placement: {sites: {matchLabels: {country: de}}}
  template:
    tasks:
    - name: main
      command: [/usr/sbin/nginx]
      env: [{name: API, fromSecret: {name: pay, key: api}}]
      files: [{path: /etc/app/nginx.conf, fromConfig: {name: web, key: nginx.conf}}]
)";

class IntentTest : public ::testing::Test {
 protected:
  IntentTest() {
    v1::Resource project;
    project.mutable_project()->mutable_metadata()->set_name("default");
    EXPECT_TRUE(intent().Commit(SystemCaller("test"), {{"create", project}}).ok());
  }

  // Made again after `placement_` or `policy_` was set.
  Intent& intent() {
    if (intent_ == nullptr) {
      intent_ = std::make_unique<Intent>(Intent::Parts{.store = *store_,
                                                       .vault = *vault_,
                                                       .clock = clock_,
                                                       .random = random_,
                                                       .placement_check = placement_,
                                                       .policy = policy_});
    }
    return *intent_;
  }

  absl::StatusOr<v1::ApplyResponse> TryApply(const std::vector<std::string>& manifests,
                                             bool dry_run = false) {
    v1::ApplyRequest request;
    for (size_t i = 0; i < manifests.size(); ++i) {
      v1::Manifest& manifest = *request.add_manifests();
      manifest.set_file_name(absl::StrCat("file", i, ".yaml"));
      manifest.set_content(manifests[i]);
    }
    request.set_dry_run(dry_run);
    return intent().Apply(admin_, request);
  }
  v1::ApplyResponse Apply(const std::vector<std::string>& manifests, bool dry_run = false) {
    auto response = TryApply(manifests, dry_run);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(v1::ApplyResponse());
  }
  // The actions, or the errors where there are some.
  static std::vector<std::string> Actions(const v1::ApplyResponse& response) {
    std::vector<std::string> actions;
    for (const auto& result : response.results()) actions.push_back(result.action());
    for (const auto& error : response.errors())
      actions.push_back(absl::StrCat(error.field(), ": ", error.message()));
    return actions;
  }
  absl::StatusOr<v1::DeleteResponse> Delete(const std::string& kind, const std::string& name) {
    v1::DeleteRequest request;
    request.set_kind(kind);
    request.set_name(name);
    return intent().Delete(admin_, request);
  }

  template <typename Object>
  Object Read(const std::string& project, const std::string& name) {
    Object object;
    const auto record = store_->Get(keys::Intent(KindOf(object).kind, project, name));
    EXPECT_TRUE(record.ok()) << record.status();
    if (record.ok()) {
      EXPECT_TRUE(object.ParseFromString(record->value));
      object.mutable_metadata()->set_revision(record->revision);
    }
    return object;
  }
  std::vector<v1::AuditRecord> AuditLog() {
    std::vector<v1::AuditRecord> records;
    std::string after;
    for (bool more = true; more;) {
      const Page page = *store_->List(keys::kAuditPrefix, 1000, after);
      for (const Record& record : page.records) {
        EXPECT_TRUE(records.emplace_back().ParseFromString(record.value));
      }
      more = page.more;
      if (more) after = page.records.back().key;
    }
    return records;
  }
  absl::Status VerifyAudit() {
    v1::AuditRecord head;
    EXPECT_TRUE(head.ParseFromString(store_->Get(keys::AuditHead())->value));
    return audit::Verify(AuditLog(), head);
  }
  // Everything that is stored, as one text.
  std::string Dump() {
    std::string text;
    const Page page = *store_->List("", 1000, "");
    for (const Record& record : page.records) absl::StrAppend(&text, record.key, record.value);
    return text;
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  SeededRandom random_{1};
  std::unique_ptr<Store> store_ = NewMemoryStore(clock_);
  std::unique_ptr<Vault> vault_ = Vault::Ephemeral(random_);
  PlacementCheck placement_;
  PolicyHook* policy_ = nullptr;
  std::unique_ptr<Intent> intent_;
  const Caller admin_{"user:anna", {"admin"}, "grpc"};
};

}  // namespace perigee::control
