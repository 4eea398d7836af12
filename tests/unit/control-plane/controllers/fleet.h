// A control plane's controllers on a store in memory, and satellites that do what their stored entries say.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control-plane/admission/intent.h"
#include "control-plane/admission/observation.h"
#include "control-plane/compile/compile.h"
#include "control-plane/controllers/controllers.h"
#include "control-plane/controllers/placement_check.h"
#include "control-plane/controllers/replacement_forecast.h"
#include "control-plane/controllers/snapshot.h"
#include "control-plane/secrets/vault.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/listing.h"
#include "control-plane/store/memory_store.h"
#include "control-plane/watch/model.h"
#include "proto/perigee/v1/stored.pb.h"
#include "shared/base/failpoint.h"
#include "shared/base/random.h"
#include "shared/base/sha256.h"
#include "shared/resource/registry.h"
#include "shared/session/entries.h"

namespace perigee::control {

class FakeSealer final : public Sealer {
 public:
  absl::StatusOr<std::string> Seal(const v1::Secret& secret, const v1::Satellite& holder) override {
    if (holder.status().sealing_certificate().empty())
      return absl::FailedPreconditionError("no sealing key yet");
    ++count;
    return absl::StrCat(secret.spec().version(), " for ", holder.metadata().name());
  }
  int count = 0;
};

struct FleetEntries {
  uint64_t sequence = 0;
  std::map<std::string, v1::StoredEntry> entries;

  int Count(std::string_view prefix) const {
    int count = 0;
    for (const auto& [key, entry] : entries) count += key.starts_with(prefix);
    return count;
  }
};

class Fleet : public testing::Test {
 protected:
  Fleet() {
    StartEpoch(1);
    Commit(ProjectNamed("default"));
  }
  ~Fleet() override { ArmFailpoints(""); }

  // As the sessions do at each start, before the controllers begin.
  void StartEpoch(uint64_t number) {
    v1::Epoch epoch;
    epoch.set_number(number);
    epoch.set_id(std::string(kEpochIdBytes, static_cast<char>(number)));
    EXPECT_TRUE(
        store_->Commit({.compares = {}, .puts = {{keys::Epoch(), epoch.SerializeAsString()}}, .deletes = {}})
            .ok());
  }
  v1::StoredHead HeadOf(const std::string& satellite_name) {
    v1::StoredHead head;
    const std::string uid = Get<v1::Satellite>(satellite_name)->metadata().uid();
    EXPECT_TRUE(head.ParseFromString(store_->Get(keys::EntriesHead(uid))->value));
    return head;
  }

  static Caller Admin() {
    return {.subject = "user:anna", .roles = {std::string(role::kAdmin)}, .source = "grpc"};
  }
  static v1::Project ProjectNamed(const std::string& name) {
    v1::Project project;
    project.mutable_metadata()->set_name(name);
    return project;
  }

  void CatchUp() { ASSERT_TRUE(model_->WaitFor(store_->Revision(), absl::Seconds(10)).ok()); }

  void Commit(const google::protobuf::Message& object, bool remove = false) {
    const auto revision = intent_.Commit(SystemCaller("test"), {{"apply", WrapObject(object), remove}});
    ASSERT_TRUE(revision.ok()) << revision.status();
    CatchUp();
  }

  void Apply(const std::string& yaml) {
    v1::ApplyRequest request;
    request.add_manifests()->set_content(yaml);
    const auto response = intent_.Apply(Admin(), request);
    ASSERT_TRUE(response.ok()) << response.status();
    for (const auto& error : response->errors()) ADD_FAILURE() << error.ShortDebugString();
    CatchUp();
  }

  void Delete(const std::string& kind, const std::string& name) {
    v1::DeleteRequest request;
    request.set_kind(kind);
    request.set_project("default");
    request.set_name(name);
    const auto response = intent_.Delete(Admin(), request);
    ASSERT_TRUE(response.ok()) << response.status();
    CatchUp();
  }

  // A site with one satellite of its name and "-1".
  void AddSite(const std::string& name, int satellites = 1) {
    v1::Site site;
    site.mutable_metadata()->set_name(name);
    (*site.mutable_metadata()->mutable_labels())["name"] = name;
    (*site.mutable_spec()->mutable_values())["city"] = absl::StrCat("City of ", name);
    Commit(site);
    for (int i = 1; i <= satellites; ++i) AddSatellite(name, absl::StrCat(name, "-", i));
  }

  void AddSatellite(const std::string& site_name, const std::string& name) {
    v1::Satellite satellite;
    satellite.mutable_metadata()->set_name(name);
    satellite.mutable_spec()->set_site(site_name);
    satellite.mutable_spec()->set_site_uid(Get<v1::Site>(site_name)->metadata().uid());
    auto& facts = *satellite.mutable_status()->mutable_facts();
    (*facts.mutable_capacity())["cpu"] = "4";
    (*facts.mutable_capacity())["memory"] = "8Gi";
    facts.set_address("10.0.0.1");
    satellite.mutable_status()->set_sealing_certificate("certificate");
    satellite.mutable_status()->mutable_freshness()->set_state("live");
    Commit(satellite);
  }

  template <typename T>
  std::shared_ptr<const T> Get(const std::string& name) {
    const KindInfo& kind = KindOf(T::default_instance());
    return std::dynamic_pointer_cast<const T>(
        model_->Get(kind.kind, kind.project_scoped ? "default" : "", name));
  }
  template <typename T>
  std::vector<std::shared_ptr<const T>> All() {
    std::vector<std::shared_ptr<const T>> all;
    for (const auto& object : model_->List(KindOf(T::default_instance()).kind)) {
      all.push_back(std::dynamic_pointer_cast<const T>(object));
    }
    return all;
  }

  void PutStatus(std::string_view kind, const std::string& uid, const google::protobuf::Message& status) {
    ASSERT_TRUE(observation_->PutStatus(kind, uid, status).ok());
    ASSERT_TRUE(observation_->Flush(absl::Seconds(10)).ok());
    CatchUp();
  }

  void SetFreshness(const std::string& satellite_name, const std::string& state) {
    const auto satellite = Get<v1::Satellite>(satellite_name);
    v1::SatelliteStatus status = satellite->status();
    status.mutable_freshness()->set_state(state);
    PutStatus("Satellite", satellite->metadata().uid(), status);
  }

  FleetEntries EntriesOf(const std::string& satellite_name) {
    const std::string uid = Get<v1::Satellite>(satellite_name)->metadata().uid();
    FleetEntries entries;
    Digests digests;
    const auto add = [&](const Record& record) {
      v1::StoredEntry entry;
      EXPECT_TRUE(entry.ParseFromString(record.value));
      digests[entry.entry().key()] = entry.entry().sha256();
      EXPECT_EQ(entry.entry().sha256(), Sha256(entry.entry().payload()));
      entries.entries[entry.entry().key()] = std::move(entry);
      return absl::OkStatus();
    };
    EXPECT_TRUE(ForEachRecord(*store_, keys::EntryPrefix(uid), add).ok());
    v1::StoredHead head;
    if (const auto record = store_->Get(keys::EntriesHead(uid)); record.ok()) {
      EXPECT_TRUE(head.ParseFromString(record->value));
      EXPECT_EQ(head.root(), RootOf(digests)) << "the root is of what is stored";
    }
    entries.sequence = head.sequence();
    for (const auto& [key, entry] : entries.entries) EXPECT_LE(entry.sequence(), head.sequence());
    return entries;
  }

  v1::ReplicaEntry OnlyReplica(const std::string& satellite_name) {
    v1::EntryPayload payload;
    for (const auto& [key, entry] : EntriesOf(satellite_name).entries) {
      if (key.starts_with("replica/")) payload.ParseFromString(entry.entry().payload());
    }
    return payload.replica();
  }

  // The satellite has applied its entries: what they say runs and is Ready, what they no longer say is gone.
  void Report(const std::string& satellite_name, const std::string& state = "Ready") {
    const FleetEntries entries = EntriesOf(satellite_name);
    const std::string uid = Get<v1::Satellite>(satellite_name)->metadata().uid();
    for (const auto& object : model_->AssignmentsOfSatellite(uid)) {
      const auto& assignment = static_cast<const v1::Assignment&>(*object);
      v1::AssignmentStatus status = assignment.status();
      const auto replica = entries.entries.find(absl::StrCat("replica/", assignment.metadata().uid()));
      if (replica == entries.entries.end() && !assignment.metadata().has_deleting_since())
        continue;  // knows nothing of it
      status.set_gone(replica == entries.entries.end());
      if (replica != entries.entries.end()) {
        status.set_state(state);
        status.set_entry_sha256(HexEncode(replica->second.entry().sha256()));
        const std::string& permit = assignment.spec().permit_id();
        if (state == "Ready" && entries.entries.contains(PermitKey(permit)))
          status.set_closed_permit_id(permit);
      }
      ASSERT_TRUE(observation_->PutStatus("Assignment", assignment.metadata().uid(), status).ok());
    }
    ASSERT_TRUE(observation_->Flush(absl::Seconds(10)).ok());
    CatchUp();
  }

  ControllerParts Parts() { return {*store_, *model_, intent_, *observation_, sealer_, clock_}; }
  // As after a restart of the control plane: new controllers on the same store.
  absl::Status Run() { return Controllers(Parts(), {}).RunUntilQuiet(); }
  // Until neither the controllers nor the satellites have anything left to do. Restarts at every step.
  void Settle(const std::vector<std::string>& satellites) {
    for (int i = 0; i < 30; ++i) {
      const int64_t before = store_->Revision();
      ASSERT_TRUE(Run().ok());
      for (const auto& name : satellites) Report(name);
      if (store_->Revision() == before) return;
    }
    auto feed = store_->Watch("", store_->Revision());
    ASSERT_TRUE(Run().ok());
    for (const auto& name : satellites) Report(name);
    std::string changed;
    const auto changes = (*feed)->Next(absl::ZeroDuration());
    for (const Change& change : *changes) absl::StrAppend(&changed, change.key, "\n");
    FAIL() << "does not come to rest:\n" << changed;
  }

  std::string ReadyReason(const std::string& workload) {
    return Get<v1::Workload>(workload)->status().conditions(0).reason();
  }

  FakeClock clock_{absl::FromUnixSeconds(1'900'000'000)};
  std::unique_ptr<Store> store_ = NewMemoryStore(clock_);
  std::unique_ptr<Model> model_ = *Model::Start(*store_);
  std::unique_ptr<Vault> vault_ = Vault::Ephemeral(SystemRandom());
  Intent intent_{{.store = *store_,
                  .vault = *vault_,
                  .clock = clock_,
                  .random = SystemRandom(),
                  .placement_check = CheckAgainst(*model_),
                  .replacement_forecast = ForecastFrom(*model_)}};
  std::unique_ptr<Observation> observation_ = *Observation::Open(*store_, *model_, clock_, SystemRandom());
  FakeSealer sealer_;
};

// `more` are further lines of spec, indented by two.
inline std::string WorkloadYaml(const std::string& name, const std::string& argument,
                                const std::string& more = "") {
  return absl::StrCat("apiVersion: perigee.dev/v1\nkind: Workload\nmetadata: {name: ", name,
                      "}\nspec:\n  template:\n    tasks:\n    - name: main\n      command: [/bin/sleep, \"",
                      argument, "\"]\n", more);
}

}  // namespace perigee::control
