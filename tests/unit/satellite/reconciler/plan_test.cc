#include "satellite/reconciler/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/random.h"
#include "shared/resource/reasons.h"

namespace perigee::satellite {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

StoredEntry Stored(const std::string& key, const v1::EntryPayload& payload) {
  const std::string bytes = payload.SerializeAsString();
  return {key, bytes, DigestOf(bytes)};
}

StoredEntry Replica(const std::string& id, const std::string& config_key, const std::string& grace = "3s") {
  v1::EntryPayload payload;
  v1::ReplicaEntry& replica = *payload.mutable_replica();
  replica.set_assignment_uid(id);
  replica.mutable_template_()->add_tasks()->mutable_stop()->set_grace(grace);
  if (!config_key.empty()) (*replica.mutable_config_keys())["web"] = config_key;
  return Stored("replica/" + id, payload);
}

StoredEntry Config(const std::string& key) {
  v1::EntryPayload payload;
  payload.mutable_config()->set_name("web");
  return Stored(key, payload);
}

TEST(ParseDesired, ReadsReplicasPermitsAndContent) {
  v1::EntryPayload permit;
  permit.mutable_permit()->set_id("p");
  permit.mutable_permit()->set_assignment_uid("a");
  permit.mutable_permit()->set_action("replace");
  const StoredEntry old = Replica("a", "config/1", "9s");
  const Desired desired =
      ParseDesired({Replica("a", "config/2"), Config("config/2"), Stored("permit/p", permit)},
                   {old, Config("config/1")}, {});
  EXPECT_EQ(desired.wanted.at("a").sha256, HexEncode(Replica("a", "config/2").sha256));
  EXPECT_THAT(desired.policies.at("a"), SizeIs(2));
  EXPECT_EQ(desired.policies.at("a").at(HexEncode(old.sha256)).grace, absl::Seconds(9));
  EXPECT_THAT(desired.configs, SizeIs(2));
  EXPECT_EQ(desired.leaves.at("a")[0].id, "p");
  EXPECT_THAT(desired.refused, IsEmpty());
}

TEST(ParseDesired, RefusesWhatItCannotDoAndGoesOn) {
  v1::EntryPayload newer;
  newer.add_required_features("teleport");
  newer.mutable_replica()->set_assignment_uid("b");
  const Desired desired =
      ParseDesired({Replica("a", ""), Stored("replica/b", newer), Replica("c", "", "soon")}, {}, {});
  EXPECT_THAT(desired.wanted.at("a").lacking, IsEmpty());
  EXPECT_THAT(desired.wanted.at("b").lacking, UnorderedElementsAre("teleport"));
  EXPECT_THAT(desired.wanted.at("c").lacking, SizeIs(1));
  ASSERT_THAT(desired.refused, SizeIs(2));
  EXPECT_EQ(desired.refused[0].reason(), reason::kAgentTooOld);
  EXPECT_EQ(desired.refused[1].reason(), reason::kEntryRefused);
}

// An id becomes a part of paths that are removed.
TEST(ParseDesired, RefusesReplicasWhoseIdIsNone) {
  v1::EntryPayload newer;
  newer.add_required_features("teleport");
  newer.mutable_replica()->set_assignment_uid("..");
  for (const std::string& id : std::vector<std::string>{"..", ".", "", "a/b", "../../etc", "A",
                                                        std::string(65, 'a'), std::string("a\0", 2)}) {
    SCOPED_TRACE(id);
    StoredEntry damaged = Replica(id, "");
    damaged.damaged = true;
    damaged.payload.clear();
    for (const StoredEntry& entry : {Replica(id, ""), damaged, Stored("replica/" + id, newer)}) {
      const Desired desired = ParseDesired({entry}, {Replica(id, "")}, {});
      ASSERT_THAT(desired.refused, SizeIs(1));
      EXPECT_EQ(desired.refused[0].key(), entry.key);
      EXPECT_EQ(desired.refused[0].reason(), reason::kEntryRefused);
      EXPECT_THAT(desired.wanted, IsEmpty());
      EXPECT_THAT(desired.policies, IsEmpty());
      EXPECT_THAT(desired.entries, IsEmpty());
    }
  }
}

TEST(ParseDesired, RefusesAReplicaUnderTheKeyOfSomethingElse) {
  v1::EntryPayload payload;
  payload.mutable_replica()->set_assignment_uid("a");
  const Desired desired =
      ParseDesired({Stored("x", payload), Stored("config/a", payload)}, {Stored("x", payload)}, {});
  EXPECT_THAT(desired.refused, SizeIs(2));
  EXPECT_THAT(desired.wanted, IsEmpty());
}

TEST(MakePlan, ADamagedEntryIsNoLeaveToRemoveNorToStart) {
  StoredEntry damaged = Replica("a", "");
  damaged.payload.clear();
  damaged.damaged = true;
  const Desired desired = ParseDesired({damaged}, {}, {});
  EXPECT_THAT(desired.refused, SizeIs(1));
  Snapshot snapshot;
  snapshot.now = absl::Seconds(1);
  snapshot.applied = snapshot.seen_known = true;
  EXPECT_THAT(MakePlan(desired, snapshot).actions, IsEmpty());
  SeenReplica seen;
  seen.running = true;
  seen.sha256 = HexEncode(damaged.sha256);
  seen.run = "run-1";
  snapshot.seen["a"] = seen;
  const Plan plan = MakePlan(desired, snapshot);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.statuses.at("a").status().reason(), reason::kEntryRefused);
}

TEST(MakePlan, WhatCannotBeSeenIsNotActedUpon) {
  const Desired desired = ParseDesired({Replica("a", "")}, {}, {});
  Snapshot snapshot;
  snapshot.now = absl::Seconds(1);
  snapshot.applied = true;
  EXPECT_THAT(MakePlan(desired, snapshot).actions, IsEmpty());
  snapshot.seen_known = true;
  EXPECT_THAT(MakePlan(desired, snapshot).actions, SizeIs(1));
}

TEST(NeededVersions, AreThoseOfCurrentAndPreviousWithTheirContent) {
  const StoredEntry current = Replica("a", "config/1", "1s");
  const StoredEntry previous = Replica("a", "config/2", "2s");
  const StoredEntry older = Replica("a", "config/3", "3s");
  ReplicaBook book;
  book.id = "a";
  book.current = HexEncode(current.sha256);
  book.previous = HexEncode(previous.sha256);
  const auto needed = NeededVersions(
      {current, previous, older, Config("config/1"), Config("config/2"), Config("config/3")}, {{"a", book}});
  EXPECT_THAT(needed, UnorderedElementsAre(EntryVersion(current.key, current.sha256),
                                           EntryVersion(previous.key, previous.sha256),
                                           EntryVersion("config/1", Config("config/1").sha256),
                                           EntryVersion("config/2", Config("config/2").sha256)));
}

TEST(PolicyOf, TakesTheTemplatesWordsAndNamesWhatIsWrong) {
  v1::ReplicaEntry entry;
  v1::WorkloadTask& task = *entry.mutable_template_()->add_tasks();
  task.mutable_stop()->set_signal("SIGQUIT");
  task.mutable_restart()->mutable_backoff()->set_initial("2s");
  entry.set_soak("1m");
  entry.mutable_on_disconnect()->set_stop_after("10m");
  const ReplicaPolicy policy = *PolicyOf(entry);
  EXPECT_EQ(policy.stop_signal, 3);
  EXPECT_EQ(policy.restart.initial, absl::Seconds(2));
  EXPECT_EQ(policy.soak, absl::Minutes(1));
  EXPECT_EQ(policy.stop_after, absl::Minutes(10));
  task.mutable_stop()->set_signal("SIGWAT");
  EXPECT_FALSE(PolicyOf(entry).ok());
  entry.mutable_template_()->clear_tasks();
  EXPECT_FALSE(PolicyOf(entry).ok());
}

}  // namespace
}  // namespace perigee::satellite
