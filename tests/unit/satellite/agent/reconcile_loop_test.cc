#include "satellite/agent/reconcile_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/resource/reasons.h"
#include "tests/unit/satellite/agent/loop_fixture.h"

namespace perigee::satellite {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;

TEST_F(LoopTest, StartsWhatIsDeliveredAndReportsIt) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_GT(Status("r1").pid(), 0);
  EXPECT_EQ(runtime_.LastRequest("r1").command, std::vector<std::string>{"/bin/a"});
  EXPECT_THAT(Events(), IsSupersetOf({"Started", "Ready"}));
  const LocalView view = loop_->View();
  ASSERT_EQ(view.replicas.size(), 1u);
  EXPECT_EQ(view.replicas[0].name, "web-0");
}

TEST_F(LoopTest, ANewAgentAdoptsAndRestartsNothing) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const int64_t pid = Status("r1").pid();
  {
    absl::MutexLock lock(&mutex_);
    statuses_.clear();
    everything_ = false;
  }
  StartAgent();
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_EQ(Status("r1").pid(), pid);
  EXPECT_EQ(runtime_.starts("r1"), 1);
  EXPECT_THAT(Events(), Contains("Adopted"));
  absl::MutexLock lock(&mutex_);
  EXPECT_TRUE(everything_) << "the first report names all";
}

TEST_F(LoopTest, NothingIsAdoptedBeforeTheStateIsKnown) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  loop_.reset();
  ReplicaBook book = state_->Books()->front();
  book.restarts = 7;
  ASSERT_TRUE(state_->Record({book}, {}).ok());
  {
    absl::MutexLock lock(&mutex_);
    statuses_.clear();
    everything_ = false;
  }
  MakeAgent();
  EXPECT_FALSE(gate_->listening()) << "the runtime would ask for an adoption";
  loop_->Start();
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_EQ(Status("r1").restarts(), 7);
  EXPECT_EQ(state_->Books()->front().restarts, 7);
  absl::MutexLock lock(&mutex_);
  EXPECT_TRUE(everything_);
}

TEST_F(LoopTest, AfterAnotherBootEverythingStartsFromTheState) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const int64_t pid = Status("r1").pid();
  loop_.reset();
  runtime_.Vanish("r1");
  boot_id_ = "boot-2";
  StartAgent();
  EXPECT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return statuses_["r1"].status().pid() > pid; }));
  EXPECT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_EQ(Status("r1").restarts(), 0);
}

TEST_F(LoopTest, AStateThatCannotBeReadAfterABootIsReadAgain) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  runtime_.Exits("r1", {.kind = Exit::Kind::kCode, .number = 7});
  ASSERT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return statuses_["r1"].status().restarts() == 1 && statuses_["r1"].status().state() == "Ready";
  }));
  int starts = 2;
  for (const std::string point : {"head", "entries", "kept", "books"}) {
    SCOPED_TRACE(point);
    loop_.reset();
    runtime_.Vanish("r1");
    boot_id_ = "boot-before-reading-" + point;
    ArmFailpoints("state.read." + point + "=error");
    StartAgent();
    ASSERT_TRUE(AwaitCondition("StateWritable", "False"));
    EXPECT_TRUE(absl::IsUnavailable(loop_->Restart("r1")));
    EXPECT_EQ(runtime_.starts("r1"), starts) << "nothing is planned from half of what is known";
    ArmFailpoints("");
    ++starts;
    ASSERT_TRUE(Await([&] { return runtime_.starts("r1") == starts; }));
    ASSERT_TRUE(AwaitCondition("StateWritable", "True"));
    EXPECT_EQ(state_->Books()->front().restarts, 1);
  }
}

TEST_F(LoopTest, NewEntriesThatCannotBeReadAreReadAgain) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  ArmFailpoints("state.read.kept=error");
  Deliver({{"replica/r1", Replica("r1")}, {"replica/r2", Replica("r2")}});
  ASSERT_TRUE(AwaitCondition("StateWritable", "False"));
  ArmFailpoints("");
  EXPECT_TRUE(AwaitState("r2", "Ready"));
  EXPECT_EQ(runtime_.starts("r1"), 1);
}

TEST_F(LoopTest, AChangeWaitsForItsPermitAndThenReplaces) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const v1::EntryPayload next = Replica("r1", "b");
  Deliver({{"replica/r1", next}});
  ASSERT_TRUE(AwaitState("r1", "Ready", std::string(reason::kWaitingForPermit)));
  EXPECT_EQ(runtime_.starts("r1"), 1);
  Deliver({{"replica/r1", next}, {"permit/p", PermitFor("r1", next)}});
  ASSERT_TRUE(
      Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return statuses_["r1"].closed_permit_id() == "p-r1"; }));
  EXPECT_EQ(runtime_.LastRequest("r1").command, std::vector<std::string>{"/bin/b"});
  EXPECT_EQ(state_->KeptEntries()->size(), 1u) << "the previous version is kept for its soak";
}

TEST_F(LoopTest, AnEndIsFollowedByAStart) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  runtime_.Exits("r1", {.kind = Exit::Kind::kCode, .number = 7});
  EXPECT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return statuses_["r1"].status().restarts() == 1 && statuses_["r1"].status().state() == "Ready";
  }));
  EXPECT_EQ(Status("r1").exit(), "code 7");
}

TEST_F(LoopTest, RemovedReplicasAreGoneAndForgottenOnceConfirmed) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  Deliver({});
  ASSERT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return statuses_["r1"].gone(); }));
  EXPECT_TRUE(runtime_.Adopt()->empty());
  EXPECT_EQ(state_->Books()->size(), 1u);
  loop_->GoneConfirmed({"r1"});
  EXPECT_TRUE(Await([&] { return state_->Books()->empty(); }));
}

TEST_F(LoopTest, RestartIsPersistedThenDone) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const int64_t pid = Status("r1").pid();
  ASSERT_TRUE(loop_->Restart("r1").ok());
  EXPECT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return statuses_["r1"].status().pid() > pid && statuses_["r1"].status().state() == "Ready";
  }));
  EXPECT_EQ(loop_->Restart("r9").code(), absl::StatusCode::kNotFound);
}

TEST_F(LoopTest, WithoutALauncherNothingIsDecidedAndItIsSaid) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  runtime_.SetUnavailable(true);
  runtime_.Resync();
  ASSERT_TRUE(AwaitCondition("LauncherAvailable", "False"));
  runtime_.SetUnavailable(false);
  EXPECT_TRUE(AwaitCondition("LauncherAvailable", "True"));
  EXPECT_EQ(runtime_.starts("r1"), 1);
}

TEST_F(LoopTest, AStartDuringAnOutageOfTheLauncherHappensAfterIt) {
  ASSERT_TRUE(AwaitCondition("LauncherAvailable", "True"));
  runtime_.SetUnavailable(true);
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitCondition("LauncherAvailable", "False"));
  runtime_.SetUnavailable(false);
  EXPECT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_EQ(runtime_.starts("r1"), 1);
  EXPECT_EQ(Status("r1").restarts(), 0);
}

TEST_F(LoopTest, AMissingProgramIsNamed) {
  runtime_.FailToStart("/bin/a", ENOENT);
  Deliver({{"replica/r1", Replica("r1")}});
  EXPECT_TRUE(AwaitState("r1", "Backoff", std::string(reason::kProgramNotFound)));
}

TEST_F(LoopTest, AStateThatCannotBeWrittenStopsChangesNotWorkloads) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const v1::EntryPayload next = Replica("r1", "b");
  ArmFailpoints("state.record.book=error");
  Deliver({{"replica/r1", next}, {"permit/p", PermitFor("r1", next)}});
  ASSERT_TRUE(AwaitCondition("StateWritable", "False"));
  EXPECT_THAT(runtime_.calls(), Not(Contains("stop r1"))) << "persist, then act";
  ArmFailpoints("");
  EXPECT_TRUE(AwaitCondition("StateWritable", "True"));
}

TEST_F(LoopTest, WhatEndsIsStartedAgainAlsoWithoutADisk) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  ArmFailpoints("state.record.book=error");
  runtime_.Exits("r1", {.kind = Exit::Kind::kCode, .number = 1});
  EXPECT_TRUE(Await([&] { return runtime_.starts("r1") == 2; }));
}

TEST_F(LoopTest, LossAndReturnOfTheLinkAreEventsAndTouchNothing) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  loop_->LinkChanged(true, "");
  loop_->LinkChanged(false, "connection refused");
  EXPECT_TRUE(Await([&] { return loop_->View().link_message == "connection refused"; }));
  EXPECT_THAT(Events(), IsSupersetOf({"Connected", "Disconnected"}));
  EXPECT_EQ(runtime_.starts("r1"), 1);
}

}  // namespace
}  // namespace perigee::satellite
