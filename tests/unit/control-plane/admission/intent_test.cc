#include "control-plane/admission/intent.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/unit/control-plane/admission/intent_fixture.h"

namespace perigee::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Resource MakeSatellite(const std::string& name, const std::string& site_uid) {
  v1::Resource resource;
  resource.mutable_satellite()->mutable_metadata()->set_name(name);
  resource.mutable_satellite()->mutable_spec()->set_site_uid(site_uid);
  return resource;
}

TEST_F(IntentTest, CommitFillsInWhatIsTheSystems) {
  v1::Resource resource = MakeSatellite("berlin-1", "s1");
  resource.mutable_satellite()->mutable_status()->set_certificate_serial("42");
  const auto revision = intent().Commit(SystemCaller("enrolment"), {{"enrol", resource}});
  ASSERT_TRUE(revision.ok()) << revision.status();
  auto satellite = Read<v1::Satellite>("", "berlin-1");
  EXPECT_EQ(satellite.metadata().revision(), *revision);
  EXPECT_EQ(satellite.metadata().generation(), 1);
  EXPECT_FALSE(satellite.has_status());
  v1::SatelliteStatus status;
  ASSERT_TRUE(
      status.ParseFromString(store_->Get(keys::Status("Satellite", satellite.metadata().uid()))->value));
  EXPECT_EQ(status.certificate_serial(), "42");
  // Of an object that is there already, the status is not taken: it may be older than the stored one.
  *resource.mutable_satellite() = satellite;
  resource.mutable_satellite()->mutable_status()->set_certificate_serial("1");
  resource.mutable_satellite()->mutable_operations()->mutable_cordon()->set_active(true);
  ASSERT_TRUE(intent().Commit(admin_, {{"cordon", resource}}).ok());
  EXPECT_EQ(status.SerializeAsString(),
            store_->Get(keys::Status("Satellite", satellite.metadata().uid()))->value);
  EXPECT_EQ(Read<v1::Satellite>("", "berlin-1").metadata().generation(), 1);  // operations are not spec
  EXPECT_EQ(AuditLog().back().verb(), "cordon");
  EXPECT_THAT(AuditLog().back().changed_fields(), ElementsAre("operations"));
}

TEST_F(IntentTest, CommitComparesRevisions) {
  v1::Resource resource = MakeSatellite("berlin-1", "s1");
  ASSERT_TRUE(intent().Commit(SystemCaller("t"), {{"create", resource}}).ok());
  EXPECT_TRUE(absl::IsAborted(intent().Commit(SystemCaller("t"), {{"create", resource}}).status()));
  *resource.mutable_satellite() = Read<v1::Satellite>("", "berlin-1");
  const int64_t revision = store_->Revision();
  EXPECT_EQ(*intent().Commit(SystemCaller("t"), {{"nothing", resource}}), revision);  // no change, no record
  resource.mutable_satellite()->mutable_metadata()->set_revision(revision - 1);
  EXPECT_TRUE(absl::IsAborted(intent().Commit(SystemCaller("t"), {{"change", resource}}).status()));
  // One lost comparison and nothing of the rest is there.
  EXPECT_TRUE(absl::IsAborted(
      intent()
          .Commit(SystemCaller("t"), {{"create", MakeSatellite("x", "s1")}, {"change", resource}})
          .status()));
  EXPECT_TRUE(absl::IsAborted(
      intent()
          .Commit(SystemCaller("t"), {{"create", MakeSatellite("x", "s1")}}, {}, {{"/epoch", 7}})
          .status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Get(keys::Intent("Satellite", "", "x")).status()));
  EXPECT_TRUE(VerifyAudit().ok());
}

TEST_F(IntentTest, CommitRemovesWithStatusAndTakesMore) {
  v1::Resource resource = MakeSatellite("berlin-1", "s1");
  resource.mutable_satellite()->mutable_status()->set_certificate_serial("42");
  ASSERT_TRUE(intent().Commit(SystemCaller("t"), {{"create", resource}}, {{"/entries/u/e/a", "x"}}).ok());
  *resource.mutable_satellite() = Read<v1::Satellite>("", "berlin-1");
  ASSERT_TRUE(intent()
                  .Commit(SystemCaller("t"), {{"remove", resource, true}}, {}, {},
                          std::vector<std::string>{"/entries/u/e/a"})
                  .ok());
  EXPECT_TRUE(store_->List("/status/", 10, "")->records.empty());
  EXPECT_TRUE(store_->List("/entries/", 10, "")->records.empty());
  EXPECT_EQ(AuditLog().back().object_hash(), "");
  EXPECT_EQ(AuditLog().back().verb(), "remove");
}

TEST_F(IntentTest, CommitRefuses) {
  v1::Resource secret;
  secret.mutable_secret()->mutable_metadata()->set_name("pay");
  (*secret.mutable_secret()->mutable_spec()->mutable_data())["a"] = "plain";
  v1::Resource bad_name = MakeSatellite("../x", "s1");
  v1::Resource project = MakeSatellite("x", "s1");
  project.mutable_satellite()->mutable_metadata()->set_project("default");
  struct {
    const char* name;
    std::vector<Intent::Change> changes;
    std::vector<Put> more;
  } cases[] = {{"plain secrets", {{"create", secret}}, {}},
               {"bad names", {{"create", bad_name}}, {}},
               {"a project where there is none", {{"create", project}}, {}},
               {"nothing as an object", {{"create", v1::Resource()}}, {}},
               {"intent past the door", {}, {{"/intent/Site/_/x", ""}}},
               {"audit past the door", {}, {{"/audit/00000000000000000001", ""}}},
               {"the audit head", {}, {{"/audit-head", ""}}},
               {"too many", std::vector<Intent::Change>(1001, {"create", MakeSatellite("x", "s")}), {}}};
  for (auto& test : cases) {
    const auto result = intent().Commit(SystemCaller("t"), test.changes, test.more);
    EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << test.name << result.status();
  }
  EXPECT_TRUE(absl::IsPermissionDenied(intent().Commit(AnonymousCaller("https"), {}).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(intent().Commit({"satellite:u", {"satellite"}, "grpc"}, {}).status()));
}

TEST_F(IntentTest, WorkloadsWaitForTheirControllers) {
  Apply({kWorkload, kConfig, kSecret});
  const auto response = Delete("wl", "web");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->waiting());
  const auto workload = Read<v1::Workload>("default", "web");
  EXPECT_TRUE(workload.metadata().has_deleting_since());
  EXPECT_EQ(AuditLog().back().verb(), "delete");
  const int64_t revision = store_->Revision();
  EXPECT_TRUE(Delete("Workload", "web").ok());
  EXPECT_EQ(store_->Revision(), revision);
  EXPECT_THAT(Actions(Apply({kWorkload}))[0], HasSubstr("is being deleted"));
}

TEST_F(IntentTest, HoldersAreNamed) {
  Apply({kWorkload, kConfig, kSecret, kSite});
  const std::string site_uid = Read<v1::Site>("", "berlin").metadata().uid();
  ASSERT_TRUE(intent().Commit(SystemCaller("t"), {{"enrol", MakeSatellite("berlin-1", site_uid)}}).ok());
  const std::pair<std::pair<const char*, const char*>, const char*> cases[] = {
      {{"Site", "berlin"}, "Satellite berlin-1"},
      {{"Config", "web"}, "Workload web"},
      {{"Secret", "pay"}, "Workload web"},
      {{"Project", "default"}, "cannot be deleted"},
      {{"Satellite", "berlin-1"}, "cloudctl satellite revoke berlin-1"}};
  for (const auto& [object, expected] : cases) {
    const auto result = Delete(object.first, object.second);
    EXPECT_TRUE(absl::IsFailedPrecondition(result.status())) << object.first;
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(expected));
  }
}

// A site that is given up: its satellites are revoked, then deleted, then the site.
TEST_F(IntentTest, ARevokedSatelliteGoesAndThenItsSite) {
  Apply({kSite});
  const std::string site_uid = Read<v1::Site>("", "berlin").metadata().uid();
  ASSERT_TRUE(intent().Commit(SystemCaller("t"), {{"enrol", MakeSatellite("berlin-1", site_uid)}}).ok());
  auto satellite = Read<v1::Satellite>("", "berlin-1");
  satellite.mutable_operations()->mutable_revoked()->set_active(true);
  ASSERT_TRUE(intent().Commit(SystemCaller("t"), {{"revoke", WrapObject(satellite)}}).ok());
  const auto in_use = Delete("Site", "berlin");
  EXPECT_THAT(std::string(in_use.status().message()), HasSubstr("cloudctl delete satellite NAME"));
  v1::Assignment replica;
  replica.mutable_metadata()->set_name("till-0");
  replica.mutable_metadata()->set_project("default");
  replica.mutable_spec()->set_satellite_uid(satellite.metadata().uid());
  ASSERT_TRUE(intent().Commit(SystemCaller("t"), {{"assign", WrapObject(replica)}}).ok());
  const auto holding = Delete("Satellite", "berlin-1");
  EXPECT_THAT(std::string(holding.status().message()), HasSubstr("still used by Assignment till-0"))
      << "a lease may not have ended";
  replica = Read<v1::Assignment>("default", "till-0");
  ASSERT_TRUE(intent().Commit(SystemCaller("t"), {{"delete", WrapObject(replica), true}}).ok());
  EXPECT_TRUE(Delete("Satellite", "berlin-1").ok());
  EXPECT_TRUE(Delete("Site", "berlin").ok());
}

TEST_F(IntentTest, FreeObjectsGoAtOnce) {
  Apply({kConfig, kSite});
  EXPECT_FALSE(Delete("Config", "web")->waiting());
  EXPECT_TRUE(Delete("sites", "berlin").ok());
  EXPECT_TRUE(store_->List("/status/", 10, "")->records.empty());
  EXPECT_TRUE(absl::IsNotFound(Delete("Config", "web").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Delete("Confg", "web").status()));
  EXPECT_THAT(std::string(Delete("Confg", "web").status().message()), HasSubstr("Config"));
  EXPECT_TRUE(absl::IsInvalidArgument(Delete("Config", "../web").status()));
  EXPECT_FALSE(Delete("AuditRecord", "a").ok());
  // A name used again has another uid.
  const std::string first = Apply({kConfig}).results(0).object().uid();
  v1::DeleteRequest request;
  request.set_kind("Config");
  request.set_name("web");
  request.set_uid("another");
  EXPECT_TRUE(absl::IsFailedPrecondition(intent().Delete(admin_, request).status()));
  request.set_uid(first);
  EXPECT_TRUE(intent().Delete(admin_, request).ok());
  EXPECT_NE(Apply({kConfig}).results(0).object().uid(), first);
}

// People and programs at the same time: no change is lost and each has its record.
TEST_F(IntentTest, ConcurrentChangesMakeOneChain) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 25; ++i) {
        EXPECT_TRUE(
            intent()
                .Commit(SystemCaller("t"), {{"create", MakeSatellite(absl::StrCat("s", t, "-", i), "s")}})
                .ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(AuditLog().size(), 101u);
  EXPECT_TRUE(VerifyAudit().ok()) << VerifyAudit();
}

}  // namespace
}  // namespace perigee::control
