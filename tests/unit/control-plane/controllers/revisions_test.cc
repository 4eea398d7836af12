// Which revision a workload is at, by what it asks for and by what its Configs and Secrets hold.
#include "control-plane/controllers/revisions.h"

#include "control-plane/controllers/entry_cache.h"
#include "tests/unit/control-plane/controllers/fleet.h"

namespace perigee::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Texts = std::map<std::string, std::string>;

std::string PagesYaml(const Texts& data) {
  std::string yaml = "apiVersion: perigee.dev/v1\nkind: Config\nmetadata: {name: pages}\nspec:\n  data:\n";
  for (const auto& [key, text] : data) absl::StrAppend(&yaml, "    ", key, ": \"", text, "\"\n");
  return yaml;
}
constexpr char kUsesIndex[] = "      files: [{path: /srv/index, fromConfig: {name: pages, key: index}}]\n";
constexpr char kUsesBoth[] =
    "      files: [{path: /srv/index, fromConfig: {name: pages, key: index}}]\n"
    "      env: [{name: ABOUT, fromConfig: {name: pages, key: about}}]\n";

class Revisions : public Fleet {
 protected:
  Revisions() { AddSite("berlin"); }

  void ApplyPages(const Texts& data) { Apply(PagesYaml(data)); }
  int64_t RevisionOf(const std::string& workload) {
    const std::string& uid = Get<v1::Workload>(workload)->status().current_revision_uid();
    const auto revision =
        std::dynamic_pointer_cast<const v1::WorkloadRevision>(model_->GetByUid("WorkloadRevision", uid));
    return revision == nullptr ? 0 : revision->spec().number();
  }

  // What a control plane of before keys had versions stored: the same, made of the whole Config.
  void StoreAsBefore(const std::string& workload, const std::string& config) {
    EntryCache entries(*store_);
    const auto snapshot = SnapshotWorkload(*model_, entries, Get<v1::Workload>(workload)->metadata().uid());
    ASSERT_TRUE(snapshot.ok());
    RevisionDecision decision = DecideRevision(*snapshot);
    ASSERT_TRUE(decision.is_new);
    v1::WorkloadRevision older = *decision.current;
    const std::string version = ConfigVersion(*Get<v1::Config>(config));
    (*older.mutable_spec()->mutable_config_versions())[config] = version;
    older.mutable_spec()->set_asked_hash(
        AskedHash(snapshot->workload->spec(), {.configs = {{config, version}}, .secrets = {}}));
    Commit(older);
  }
};

TEST_F(Revisions, AKeyThatNobodyRefersToReplacesNothing) {
  ApplyPages({{"index", "in ${site.name}"}, {"about", "1"}});
  Apply(WorkloadYaml("web", "1", kUsesIndex));
  Settle({"berlin-1"});
  const FleetEntries before = EntriesOf("berlin-1");
  for (const char* about : {"2", "in ${site.values.absent}", "1"}) {
    SCOPED_TRACE(about);
    ApplyPages({{"index", "in ${site.name}"}, {"about", about}, {"new", about}});
    Settle({"berlin-1"});
    const FleetEntries after = EntriesOf("berlin-1");
    EXPECT_EQ(after.sequence, before.sequence);
    for (const auto& [key, entry] : before.entries) {
      ASSERT_TRUE(after.entries.contains(key)) << key;
      EXPECT_EQ(after.entries.at(key).SerializeAsString(), entry.SerializeAsString()) << key;
    }
  }
  EXPECT_THAT(All<v1::WorkloadRevision>(), SizeIs(1));
  EXPECT_EQ(ReadyReason("web"), "AsAsked");
}

TEST_F(Revisions, AChangedKeyReplacesThoseThatReferToIt) {
  ApplyPages({{"index", "1"}, {"about", "1"}});
  Apply(WorkloadYaml("web", "1", kUsesIndex));
  Apply(WorkloadYaml("wiki", "1", kUsesBoth));
  Settle({"berlin-1"});
  ApplyPages({{"index", "1"}, {"about", "2"}});
  Settle({"berlin-1"});
  EXPECT_EQ(RevisionOf("web"), 1);
  EXPECT_EQ(RevisionOf("wiki"), 2);
  ApplyPages({{"index", "2"}, {"about", "2"}});
  Settle({"berlin-1"});
  EXPECT_EQ(RevisionOf("web"), 2);
  EXPECT_EQ(RevisionOf("wiki"), 3);
}

TEST_F(Revisions, OneOfAnOlderControlPlaneStaysCurrent) {
  ApplyPages({{"index", "1"}, {"about", "1"}});
  Apply(WorkloadYaml("web", "1", kUsesIndex));
  StoreAsBefore("web", "pages");
  Settle({"berlin-1"});
  EXPECT_THAT(All<v1::WorkloadRevision>(), SizeIs(1));
  EXPECT_EQ(RevisionOf("web"), 1);
  EXPECT_EQ(ReadyReason("web"), "AsAsked");
  v1::EntryPayload payload;
  for (const auto& [key, entry] : EntriesOf("berlin-1").entries) {
    if (key.starts_with("config/")) payload.ParseFromString(entry.entry().payload());
  }
  EXPECT_EQ(payload.config().data_size(), 2) << "the whole Config, as ever";
}

TEST_F(Revisions, OneOfAnOlderControlPlaneGivesWayOnceAndForGood) {
  ApplyPages({{"index", "1"}, {"about", "1"}});
  Apply(WorkloadYaml("web", "1", kUsesIndex));
  StoreAsBefore("web", "pages");
  Settle({"berlin-1"});
  // What the other keys held when it was made is not known; the next one knows.
  ApplyPages({{"index", "1"}, {"about", "2"}});
  Settle({"berlin-1"});
  EXPECT_EQ(RevisionOf("web"), 2);
  for (const char* about : {"3", "1"}) {
    ApplyPages({{"index", "1"}, {"about", about}});
    Settle({"berlin-1"});
    EXPECT_EQ(RevisionOf("web"), 2) << about;
  }
  EXPECT_THAT(All<v1::WorkloadRevision>(), SizeIs(2));
}

TEST_F(Revisions, ADryRunSaysWhatAChangeReplaces) {
  AddSite("dublin");
  ApplyPages({{"index", "1"}, {"about", "1"}});
  Apply(WorkloadYaml("web", "1"));
  Apply(WorkloadYaml("wiki", "1", kUsesBoth));
  Apply(WorkloadYaml("news", "1", kUsesIndex));
  Settle({"berlin-1", "dublin-1"});
  const auto warnings = [&](const Texts& data) {
    v1::ApplyRequest request;
    request.set_dry_run(true);
    request.add_manifests()->set_content(PagesYaml(data));
    const auto response = intent_.Apply(Admin(), request);
    EXPECT_TRUE(response.ok()) << response.status();
    return std::vector<std::string>(response->results(0).warnings().begin(),
                                    response->results(0).warnings().end());
  };
  EXPECT_THAT(warnings({{"index", "1"}, {"about", "1"}}), IsEmpty()) << "unchanged";
  EXPECT_THAT(warnings({{"index", "1"}, {"about", "1"}, {"more", "1"}}), IsEmpty()) << "nobody refers to it";
  EXPECT_THAT(warnings({{"index", "1"}, {"about", "2"}}),
              ElementsAre("replaces 2 replicas of workload wiki at 2 sites, one at a time per site"));
  EXPECT_THAT(warnings({{"index", "2"}, {"about", "1"}}),
              ElementsAre("replaces 2 replicas of workload news at 2 sites, one at a time per site",
                          "replaces 2 replicas of workload wiki at 2 sites, one at a time per site"));
  EXPECT_THAT(warnings({{"index", "2"}}), ElementsAre(HasSubstr("workload news")))
      << "wiki waits for the key that is gone";
}

TEST_F(Revisions, ASecretHasOneVersionForAllOfItsKeys) {
  const auto secret = [](const std::string& other) {
    return absl::StrCat("apiVersion: perigee.dev/v1\nkind: Secret\nmetadata: {name: pay}\n",
                        "spec: {data: {api: hush, other: ", other, "}}\n");
  };
  Apply(secret("a"));
  Apply(WorkloadYaml("web", "1", "      files: [{path: /run/api, fromSecret: {name: pay, key: api}}]\n"));
  Settle({"berlin-1"});
  v1::ApplyRequest request;
  request.set_dry_run(true);
  request.add_manifests()->set_content(secret("b"));
  const auto response = intent_.Apply(Admin(), request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->results(0).warnings(),
              ElementsAre("replaces 1 replica of workload web at 1 site, one at a time per site"));
  Apply(secret("b"));
  Settle({"berlin-1"});
  EXPECT_EQ(RevisionOf("web"), 2);
}

}  // namespace
}  // namespace perigee::control
