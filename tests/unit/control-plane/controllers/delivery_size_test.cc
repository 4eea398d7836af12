// What is stored for a satellite can always be delivered to it, and what never could says so.
#include "control-plane/controllers/decide_entries.h"
#include "shared/base/limits.h"
#include "shared/resource/reasons.h"
#include "shared/session/delta.h"
#include "tests/unit/control-plane/controllers/fleet.h"

namespace perigee::control {
namespace {

using ::testing::HasSubstr;

using DeliverySizeTest = Fleet;

std::string ConfigYaml(const std::string& name, const std::string& text) {
  return absl::StrCat("apiVersion: perigee.dev/v1\nkind: Config\nmetadata: {name: ", name,
                      "}\nspec:\n  data: {text: \"", text, "\"}\n");
}

std::string UserOf(const std::string& config) {
  return WorkloadYaml("of-" + config, "1",
                      absl::StrCat("      resources: {cpu: \"10m\"}\n      files: [{path: /srv/text, "
                                   "fromConfig: {name: ",
                                   config, ", key: text}}]\n"));
}

// A satellite that comes late, or is set up from nothing, is due more at once than one transaction takes.
TEST_F(DeliverySizeTest, MoreThanATransactionComesInSeveralSequences) {
  AddSite("berlin");
  constexpr int kConfigs = 2 * limits::kTransactionBytes / limits::kConfigBytes;
  for (int i = 0; i < kConfigs; ++i) {
    const std::string name = absl::StrCat("large-", i);
    Apply(ConfigYaml(name, std::string(limits::kConfigBytes - 1024, static_cast<char>('a' + i % 26))));
    Apply(UserOf(name));
  }
  ASSERT_TRUE(Run().ok());
  const FleetEntries entries = EntriesOf("berlin-1");
  EXPECT_EQ(entries.Count("replica/"), kConfigs);
  EXPECT_EQ(entries.Count("config/"), kConfigs);
  EXPECT_GE(entries.sequence, 4u);
  std::map<uint64_t, uint64_t> put;
  for (const auto& [key, entry] : entries.entries) put[entry.sequence()] += SizeInDelta(entry.entry());
  for (const auto& [sequence, bytes] : put) EXPECT_LE(bytes, limits::kSequenceBytes) << sequence;
}

TEST_F(DeliverySizeTest, AnEntryThatNoMessageCouldCarryIsNotStoredAndSaysSo) {
  const std::string site(60, 'b');
  AddSite(site);
  std::string text;
  while (text.size() < limits::kConfigBytes - 1024) text += "${site.values.city}";
  Apply(ConfigYaml("grows", text));
  Apply(UserOf("grows"));
  Apply(WorkloadYaml("small", "1"));
  ASSERT_TRUE(Run().ok());
  const FleetEntries entries = EntriesOf(absl::StrCat(site, "-1"));
  EXPECT_EQ(entries.Count("replica/"), 1);
  EXPECT_EQ(entries.Count("config/"), 0);
  for (const auto& assignment : All<v1::Assignment>()) {
    if (assignment->spec().workload() != "of-grows") continue;
    EXPECT_EQ(assignment->status().reason(), reason::kTooLarge);
    EXPECT_THAT(assignment->status().message(), HasSubstr("can be delivered"));
  }
}

// It runs on as it was; nobody is told that all is as asked.
TEST_F(DeliverySizeTest, AReplacementThatNoMessageCouldCarryIsSaid) {
  const std::string site(60, 'b');
  const std::string satellite = site + "-1";
  AddSite(site);
  Apply(ConfigYaml("grows", "small"));
  Apply(UserOf("grows"));
  Settle({satellite});
  ASSERT_EQ(ReadyReason("of-grows"), "AsAsked");
  std::string text;
  while (text.size() < limits::kConfigBytes - 1024) text += "${site.values.city}";
  Apply(ConfigYaml("grows", text));
  Settle({satellite});
  const auto workload = Get<v1::Workload>("of-grows");
  EXPECT_EQ(workload->status().ready(), 1);
  EXPECT_EQ(workload->status().updated(), 0);
  EXPECT_NE(ReadyReason("of-grows"), "AsAsked");
  EXPECT_THAT(workload->status().ShortDebugString(), HasSubstr("TooLarge"));
  Apply(ConfigYaml("grows", "small again"));
  Settle({satellite});
  EXPECT_EQ(ReadyReason("of-grows"), "AsAsked");
  EXPECT_EQ(Get<v1::Workload>("of-grows")->status().updated(), 1);
}

// What is stored already counts by its size alone, so the test needs no such bytes.
TEST_F(DeliverySizeTest, ASatelliteThatIsFullKeepsWhatItHasAndRefusesMore) {
  AddSite("berlin");
  Apply(WorkloadYaml("web", "1"));
  ASSERT_TRUE(Run().ok());
  const SatelliteSnapshot snapshot =
      SnapshotSatellite(*model_, Get<v1::Satellite>("berlin-1")->metadata().uid());
  const std::string uid = All<v1::Assignment>()[0]->metadata().uid();

  const auto decide = [&](uint64_t stored_bytes) {
    const StoredEntries stored = {{"site/other", {.source = "s", .sha256 = "d", .bytes = stored_bytes}}};
    return DecideEntries(snapshot, stored, 7, sealer_, clock_.Now());
  };
  const EntriesPlan full = decide(limits::kSatelliteEntriesBytes - 10);
  EXPECT_FALSE(full.changes());
  ASSERT_TRUE(full.problems.contains(uid));
  EXPECT_TRUE(absl::IsResourceExhausted(full.problems.at(uid))) << full.problems.at(uid);
  EXPECT_THAT(std::string(full.problems.at(uid).message()), HasSubstr("berlin-1"));

  const EntriesPlan roomy = decide(limits::kSatelliteEntriesBytes - (64 << 10));
  EXPECT_TRUE(roomy.problems.empty());
  EXPECT_EQ(roomy.puts.size(), 1u);
}

}  // namespace
}  // namespace perigee::control
