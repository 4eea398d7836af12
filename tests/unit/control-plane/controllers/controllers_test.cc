#include "control-plane/controllers/controllers.h"

#include "control-plane/controllers/entry_cache.h"
#include "control-plane/controllers/explain.h"
#include "control-plane/controllers/revisions.h"
#include "shared/resource/defaults.h"
#include "tests/unit/control-plane/controllers/fleet.h"

namespace perigee::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::Truly;

constexpr char kConfigYaml[] =
    "apiVersion: perigee.dev/v1\nkind: Config\nmetadata: {name: pages}\nspec:\n  data: {index: \"Hello ";
std::string ConfigYaml(const std::string& text) {
  return absl::StrCat(kConfigYaml, text, "\"}\n");
}
constexpr char kUsesConfig[] = "      files: [{path: /srv/index, fromConfig: {name: pages, key: index}}]\n";

using ControllersTest = Fleet;

TEST_F(ControllersTest, FromApplyToEntriesAtEverySite) {
  AddSite("berlin");
  AddSite("dublin");
  Apply(WorkloadYaml("web", "${site.values.city}"));
  ASSERT_TRUE(Run().ok());
  for (const char* name : {"berlin-1", "dublin-1"}) {
    SCOPED_TRACE(name);
    const FleetEntries entries = EntriesOf(name);
    EXPECT_EQ(entries.sequence, 1u);
    EXPECT_THAT(entries.entries, SizeIs(1));
  }
  const v1::ReplicaEntry replica = OnlyReplica("berlin-1");
  EXPECT_EQ(replica.template_().tasks(0).command(1), "City of berlin");
  EXPECT_EQ(replica.template_().tasks(0).stop().grace(), "10s") << "a revision is whole: defaults are in it";
  EXPECT_EQ(replica.workload_kind(), "service");
  EXPECT_EQ(ReadyReason("web"), "ReplicasNotReady");
  Settle({"berlin-1", "dublin-1"});
  EXPECT_EQ(ReadyReason("web"), "AsAsked");
  const auto workload = Get<v1::Workload>("web");
  EXPECT_EQ(workload->status().ready(), 2);
  EXPECT_EQ(workload->status().updated(), 2);
  EXPECT_EQ(Get<v1::Site>("berlin")->status().replicas_ready(), 1);
  const int64_t at_rest = store_->Revision();
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(store_->Revision(), at_rest) << "a restart changes nothing";
}

TEST_F(ControllersTest, AChangedTemplateReplacesOneAtATimeUnderPermits) {
  AddSite("berlin", 2);
  Apply(WorkloadYaml("web", "1", "  placement: {replicasPerSite: 2}\n"));
  Settle({"berlin-1", "berlin-2"});
  Apply(WorkloadYaml("web", "2", "  placement: {replicasPerSite: 2}\n"));
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(EntriesOf("berlin-1").Count("permit/") + EntriesOf("berlin-2").Count("permit/"), 1);
  const std::string first = EntriesOf("berlin-1").Count("permit/") == 1 ? "berlin-1" : "berlin-2";
  const std::string second = first == "berlin-1" ? "berlin-2" : "berlin-1";
  EXPECT_EQ(OnlyReplica(first).template_().tasks(0).command(1), "2");
  EXPECT_EQ(OnlyReplica(second).template_().tasks(0).command(1), "1");
  Report(first, "Starting");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(EntriesOf(second).Count("permit/"), 0) << "waits until the first is Ready";
  Report(first);
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(EntriesOf(first).Count("permit/"), 0);
  EXPECT_EQ(EntriesOf(second).Count("permit/"), 1);
  Settle({"berlin-1", "berlin-2"});
  EXPECT_THAT(All<v1::WorkloadRevision>(), SizeIs(2));
  EXPECT_EQ(ReadyReason("web"), "AsAsked");
}

TEST_F(ControllersTest, AnUpgradeThatAddsADefaultChangesNothing) {
  AddSite("berlin");
  Apply(WorkloadYaml("web", "1"));
  Settle({"berlin-1"});
  const FleetEntries before = EntriesOf("berlin-1");
  RegisterDefault("perigee.v1.WorkloadTask", "working_directory", "/var/empty");
  Apply(WorkloadYaml("web", "1"));
  Settle({"berlin-1"});
  const FleetEntries after = EntriesOf("berlin-1");
  EXPECT_EQ(after.sequence, before.sequence);
  EXPECT_EQ(after.entries.begin()->second.SerializeAsString(),
            before.entries.begin()->second.SerializeAsString());
  EXPECT_THAT(All<v1::WorkloadRevision>(), SizeIs(1));
}

TEST_F(ControllersTest, AChangedConfigIsANewRevisionAndTheOldEntryGoes) {
  AddSite("berlin");
  Apply(ConfigYaml("${site.name}"));
  Apply(WorkloadYaml("web", "1", kUsesConfig));
  Settle({"berlin-1"});
  EXPECT_EQ(EntriesOf("berlin-1").Count("config/"), 1);
  const std::string old_key = OnlyReplica("berlin-1").config_keys().at("pages");
  Apply(ConfigYaml("again ${site.name}"));
  Settle({"berlin-1"});
  const FleetEntries entries = EntriesOf("berlin-1");
  EXPECT_EQ(entries.Count("config/"), 1);
  EXPECT_FALSE(entries.entries.contains(old_key));
  EXPECT_EQ(OnlyReplica("berlin-1").revision_number(), 2);
  Apply(ConfigYaml("${site.name}"));
  Settle({"berlin-1"});
  EXPECT_EQ(OnlyReplica("berlin-1").revision_number(), 1) << "asked for again: the revision that it was";
}

TEST_F(ControllersTest, AHeadKeepsTheSequenceThatEachEpochEndedWith) {
  AddSite("berlin");
  Apply(ConfigYaml("${site.name}"));
  Apply(WorkloadYaml("web", "1", kUsesConfig));
  Settle({"berlin-1"});
  const uint64_t first = EntriesOf("berlin-1").sequence;
  StartEpoch(2);
  Apply(ConfigYaml("again ${site.name}"));
  Settle({"berlin-1"});
  const v1::StoredHead head = HeadOf("berlin-1");
  ASSERT_EQ(head.marks_size(), 2);
  EXPECT_EQ(head.marks(0).epoch().number(), 1u);
  EXPECT_EQ(head.marks(0).sequence(), first);
  EXPECT_EQ(head.marks(1).epoch().number(), 2u);
  EXPECT_EQ(head.marks(1).sequence(), head.sequence());
  EXPECT_GT(head.sequence(), first);
}

TEST_F(ControllersTest, AMissingSiteValueIsAConditionOfThatSiteOnly) {
  AddSite("berlin");
  AddSite("dublin");
  v1::Site berlin = *Get<v1::Site>("berlin");
  (*berlin.mutable_spec()->mutable_values())["shop"] = "7";
  Commit(berlin);
  Apply(WorkloadYaml("web", "${site.values.shop}"));
  Settle({"berlin-1", "dublin-1"});
  EXPECT_EQ(EntriesOf("berlin-1").Count("replica/"), 1);
  EXPECT_EQ(EntriesOf("dublin-1").Count("replica/"), 0);
  EXPECT_EQ(ReadyReason("web"), "MissingSiteValue");
  EXPECT_THAT(Get<v1::Workload>("web")->status().sites(1).conditions(0).message(),
              HasSubstr("site.values.shop"));
  const std::string before = OnlyReplica("berlin-1").SerializeAsString();
  (*berlin.mutable_spec()->mutable_values()).erase("shop");
  berlin.mutable_metadata()->set_revision(Get<v1::Site>("berlin")->metadata().revision());
  Commit(berlin);
  Settle({"berlin-1", "dublin-1"});
  EXPECT_EQ(OnlyReplica("berlin-1").SerializeAsString(), before) << "what runs stays as it is";
}

TEST_F(ControllersTest, AChangedSiteValueReplacesUnderAPermit) {
  AddSite("berlin");
  Apply(WorkloadYaml("web", "${site.values.city}"));
  Settle({"berlin-1"});
  v1::Site berlin = *Get<v1::Site>("berlin");
  (*berlin.mutable_spec()->mutable_values())["city"] = "Potsdam";
  Commit(berlin);
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(EntriesOf("berlin-1").Count("permit/"), 1);
  EXPECT_EQ(OnlyReplica("berlin-1").template_().tasks(0).command(1), "Potsdam");
  EXPECT_EQ(OnlyReplica("berlin-1").revision_number(), 1);
  Settle({"berlin-1"});
  EXPECT_EQ(EntriesOf("berlin-1").Count("permit/"), 0);
}

TEST_F(ControllersTest, DeletingWaitsForEverySatelliteThenLeavesNothing) {
  AddSite("berlin");
  AddSite("dublin");
  Apply(WorkloadYaml("web", "1"));
  Settle({"berlin-1", "dublin-1"});
  SetFreshness("dublin-1", "stale");
  Delete("Workload", "web");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(EntriesOf("dublin-1").Count("replica/"), 0) << "delivered on return";
  Report("berlin-1");
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(All<v1::Assignment>(), SizeIs(1));
  EXPECT_EQ(ReadyReason("web"), "Deleting");
  SetFreshness("dublin-1", "live");
  Settle({"berlin-1", "dublin-1"});
  EXPECT_THAT(All<v1::Workload>(), IsEmpty());
  EXPECT_THAT(All<v1::WorkloadRevision>(), IsEmpty());
  EXPECT_THAT(All<v1::Assignment>(), IsEmpty());
  EXPECT_THAT(EntriesOf("berlin-1").entries, IsEmpty());
  EXPECT_THAT(EntriesOf("dublin-1").entries, IsEmpty());
}

TEST_F(ControllersTest, EntriesOfARemovedSatelliteGo) {
  AddSite("berlin");
  Apply(WorkloadYaml("web", "1"));
  ASSERT_TRUE(Run().ok());
  const std::string uid = Get<v1::Satellite>("berlin-1")->metadata().uid();
  Commit(*Get<v1::Satellite>("berlin-1"), true);
  ASSERT_TRUE(Run().ok()) << "deleted while no controller watched";
  EXPECT_THAT(store_->List(keys::EntriesOf(uid), 10, "")->records, IsEmpty());
  EXPECT_THAT(All<v1::Assignment>(), IsEmpty());
  EXPECT_EQ(ReadyReason("web"), "NoSatellite");
}

TEST_F(ControllersTest, ASatelliteThatCannotBeStoredHoldsUpNoOther) {
  EntryCache entries(*store_);
  EntryCache::Plans plans;
  for (const char* uid : {"a", "b", "c"}) {
    ASSERT_TRUE(entries.Of(uid).ok());
    EntriesPlan plan;
    plan.head.set_sequence(1);
    plans.emplace_back(uid, std::move(plan));
  }
  ASSERT_TRUE(store_->Commit({.puts = {{keys::EntriesHead("b"), "another's"}}}).ok());
  const auto failed = entries.Commit(plans);
  EXPECT_THAT(failed, ElementsAre(Pair("b", Truly(absl::IsAborted))));
  EXPECT_TRUE(store_->Get(keys::EntriesHead("a")).ok());
  EXPECT_TRUE(store_->Get(keys::EntriesHead("c")).ok());
}

TEST_F(ControllersTest, WhatDoesNotFitSaysSoAndComesWhenThereIsRoom) {
  AddSite("berlin");
  const auto big = [](const std::string& name) {
    return WorkloadYaml(name, "1", "      resources: {cpu: \"3\"}\n");
  };
  Apply(big("first"));
  Settle({"berlin-1"});
  Apply(big("second"));
  Settle({"berlin-1"});
  EXPECT_EQ(ReadyReason("second"), "NoFit");
  EXPECT_THAT(Get<v1::Workload>("second")->status().conditions(0).message(), HasSubstr("cpu is short by 2"));
  Delete("Workload", "first");
  Settle({"berlin-1"});
  EXPECT_EQ(ReadyReason("second"), "AsAsked");
}

TEST_F(ControllersTest, AnImpossibleAskIsRefusedByTheDoor) {
  AddSite("berlin");
  v1::ApplyRequest request;
  request.add_manifests()->set_content(WorkloadYaml("web", "1", "      resources: {cpu: \"64\"}\n"));
  const auto response = intent_.Apply(Admin(), request);
  ASSERT_TRUE(response.ok());
  ASSERT_THAT(response->errors(), SizeIs(1));
  EXPECT_THAT(response->errors(0).message(), HasSubstr("berlin-1"));
}

TEST_F(ControllersTest, ASiteThatWentBackPausesTheOthers) {
  AddSite("berlin", 2);
  Apply(WorkloadYaml("web", "1", "  placement: {replicasPerSite: 2}\n"));
  Settle({"berlin-1", "berlin-2"});
  Apply(WorkloadYaml("web", "2", "  placement: {replicasPerSite: 2}\n"));
  ASSERT_TRUE(Run().ok());
  for (const auto& assignment : All<v1::Assignment>()) {
    if (assignment->spec().permit_id().empty()) continue;
    v1::AssignmentStatus status = assignment->status();
    status.set_on_previous(true);
    PutStatus("Assignment", assignment->metadata().uid(), status);
  }
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(ReadyReason("web"), "RolloutPaused");
  EXPECT_EQ(EntriesOf("berlin-1").Count("permit/") + EntriesOf("berlin-2").Count("permit/"), 1);
  Apply(WorkloadYaml("web", "3", "  placement: {replicasPerSite: 2}\n"));
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(EntriesOf("berlin-1").Count("permit/") + EntriesOf("berlin-2").Count("permit/"), 1)
      << "the fix goes to the one that failed";
}

TEST_F(ControllersTest, SecretsAreSealedOnceAndReplacedByVersion) {
  AddSite("berlin");
  const auto secret = [](const std::string& value) {
    return absl::StrCat(
        "apiVersion: perigee.dev/v1\nkind: Secret\nmetadata: {name: pay}\nspec: {data: {api: ", value,
        "}}\n");
  };
  Apply(secret("hush"));
  Apply(WorkloadYaml("web", "1", "      files: [{path: /run/api, fromSecret: {name: pay, key: api}}]\n"));
  Settle({"berlin-1"});
  EXPECT_EQ(EntriesOf("berlin-1").Count("secret/"), 1);
  EXPECT_EQ(sealer_.count, 1);
  const std::string old_key = OnlyReplica("berlin-1").secret_keys().at("pay");
  Apply(secret("other"));
  Settle({"berlin-1"});
  EXPECT_EQ(EntriesOf("berlin-1").Count("secret/"), 1);
  EXPECT_NE(OnlyReplica("berlin-1").secret_keys().at("pay"), old_key);
  EXPECT_EQ(sealer_.count, 2);
}

TEST_F(ControllersTest, WhatCannotBeSealedYetSaysSoAndComesWithTheKey) {
  AddSite("berlin");
  const auto satellite = Get<v1::Satellite>("berlin-1");
  v1::SatelliteStatus status = satellite->status();
  status.clear_sealing_certificate();
  PutStatus("Satellite", satellite->metadata().uid(), status);
  Apply("apiVersion: perigee.dev/v1\nkind: Secret\nmetadata: {name: pay}\nspec: {data: {api: hush}}\n");
  Apply(WorkloadYaml("web", "1", "      files: [{path: /run/api, fromSecret: {name: pay, key: api}}]\n"));
  Settle({"berlin-1"});
  EXPECT_EQ(EntriesOf("berlin-1").Count("replica/"), 0);
  EXPECT_EQ(All<v1::Assignment>()[0]->status().reason(), "WaitingForContact");
  EXPECT_THAT(All<v1::Assignment>()[0]->status().message(), HasSubstr("no sealing key yet"));
  status.set_sealing_certificate("certificate");
  PutStatus("Satellite", satellite->metadata().uid(), status);
  Settle({"berlin-1"});
  EXPECT_EQ(EntriesOf("berlin-1").Count("replica/"), 1);
}

TEST_F(ControllersTest, KeepsTwentyRevisions) {
  AddSite("berlin");
  for (int i = 1; i <= 24; ++i) {
    Apply(WorkloadYaml("web", absl::StrCat(i)));
    Settle({"berlin-1"});
  }
  const auto revisions = All<v1::WorkloadRevision>();
  EXPECT_THAT(revisions, SizeIs(20));
  std::set<int64_t> numbers;
  for (const auto& revision : revisions) numbers.insert(revision->spec().number());
  EXPECT_EQ(*numbers.begin(), 5);
  EXPECT_EQ(*numbers.rbegin(), 24);
}

TEST_F(ControllersTest, ExpiredTokensGoAfterADay) {
  v1::EnrollmentToken token;
  token.mutable_metadata()->set_name("old");
  token.mutable_spec()->set_site("berlin");
  token.mutable_spec()->mutable_expires_at()->set_seconds(absl::ToUnixSeconds(clock_.Now()));
  Commit(token);
  clock_.Advance(absl::Hours(23));
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(All<v1::EnrollmentToken>(), SizeIs(1));
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(All<v1::EnrollmentToken>(), IsEmpty());
}

// The life of a fleet in steps; the controllers are cut off at the N-th passage of a failpoint, for each N there is.
class Crash : public Fleet, public testing::WithParamInterface<const char*> {
 protected:
  // Passages counted over all restarts of one life.
  absl::Status RunThroughCrashes() {
    for (int i = 0; i < 50; ++i) {
      const absl::Status status = Run();
      CatchUp();
      if (status.ok()) return status;
      EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
      ++crashes_;
    }
    return absl::InternalError("does not get through");
  }
  void Step() {
    for (int i = 0; i < 12; ++i) {
      ASSERT_TRUE(RunThroughCrashes().ok());
      for (const char* name : {"berlin-1", "berlin-2", "dublin-1"}) Report(name);
    }
  }
  void AddSiteOnce(const std::string& name, int satellites) {
    if (Get<v1::Site>(name) == nullptr) AddSite(name, satellites);
  }
  int crashes_ = 0;
};

TEST_P(Crash, EndsInTheSameState) {
  for (int passage = 1;; ++passage) {
    SCOPED_TRACE(passage);
    const std::string suffix = absl::StrCat("-", passage);
    AddSiteOnce("berlin", 2);
    AddSiteOnce("dublin", 1);
    crashes_ = 0;
    ArmFailpoints(absl::StrCat(GetParam(), "=error@", passage));
    Apply(WorkloadYaml("web" + suffix, "1", "  placement: {replicasPerSite: 2}\n"));
    Step();
    EXPECT_EQ(All<v1::Assignment>().size(), 4u);
    Apply(WorkloadYaml("web" + suffix, "2", "  placement: {replicasPerSite: 2}\n"));
    Step();
    for (const char* name : {"berlin-1", "berlin-2", "dublin-1"}) {
      const FleetEntries entries = EntriesOf(name);
      EXPECT_EQ(entries.Count("permit/"), 0) << name;
      EXPECT_EQ(entries.Count("replica/"), std::string_view(name) == "dublin-1" ? 2 : 1) << name;
      EXPECT_EQ(OnlyReplica(name).template_().tasks(0).command(1), "2") << name;
    }
    EXPECT_THAT(All<v1::WorkloadRevision>(), SizeIs(2));
    EXPECT_EQ(ReadyReason("web" + suffix), "AsAsked");
    Delete("Workload", "web" + suffix);
    Step();
    EXPECT_THAT(All<v1::Workload>(), IsEmpty());
    EXPECT_THAT(All<v1::Assignment>(), IsEmpty());
    EXPECT_THAT(EntriesOf("berlin-1").entries, IsEmpty());
    ArmFailpoints("");
    if (crashes_ == 0 || HasFailure()) {
      EXPECT_GT(passage, 4) << "the failpoint was passed in every life before";
      return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Failpoints, Crash,
                         testing::Values("controllers.intent.before_commit",
                                         "controllers.intent.after_commit",
                                         "controllers.entries.before_commit",
                                         "controllers.entries.after_commit"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST_F(ControllersTest, FollowsOnItsOwnThreadAndStops) {
  AddSite("berlin");
  Controllers controllers(Parts(), {});
  controllers.Start();
  auto feed = store_->Watch(keys::kEntriesPrefix, store_->Revision());
  ASSERT_TRUE(feed.ok());
  const absl::Time start = absl::Now();
  Apply(WorkloadYaml("web", "1"));
  const auto changes = (*feed)->Next(absl::Seconds(20));
  ASSERT_TRUE(changes.ok()) << changes.status();
  EXPECT_THAT(*changes, SizeIs(2)) << "head and replica together";
  RecordProperty("apply_to_entries_ms", static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - start)));
  controllers.Stop();
  controllers.Stop();
}

TEST_F(ControllersTest, ExplainNamesThePlaceAndTheNextStep) {
  AddSite("berlin");
  AddSite("dublin");
  Apply(WorkloadYaml("web", "1"));
  Settle({"berlin-1", "dublin-1"});
  const auto explain = [&] {
    return Explain(SnapshotForExplain(*model_, Get<v1::Workload>("web")), clock_.Now());
  };
  EXPECT_EQ(explain().summary(), "Workload web is as asked.");
  Report("berlin-1", "Backoff");
  SetFreshness("dublin-1", "stale");
  ASSERT_TRUE(Run().ok());
  const v1::ExplainResponse response = explain();
  EXPECT_THAT(response.summary(), HasSubstr("Workload web is"));
  std::set<std::string> places;
  for (const auto& finding : response.findings()) {
    places.insert(finding.where());
    EXPECT_FALSE(finding.reason().empty());
    EXPECT_TRUE(finding.severity() == "ok" || !finding.next_step().empty()) << finding.ShortDebugString();
  }
  EXPECT_THAT(places,
              testing::Contains(HasSubstr("site dublin / satellite dublin-1 / replica web-dublin-0")));
  EXPECT_THAT(places,
              testing::Contains(HasSubstr("site berlin / satellite berlin-1 / replica web-berlin-0")));
  const auto site = Explain(SnapshotForExplain(*model_, Get<v1::Site>("dublin")), clock_.Now());
  EXPECT_THAT(site.findings(), testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace perigee::control
