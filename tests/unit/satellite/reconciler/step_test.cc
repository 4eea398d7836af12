#include "satellite/reconciler/step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/resource/reasons.h"

namespace perigee::satellite {
namespace {

using Kind = ReplicaAction::Kind;
using ::testing::Contains;
using ::testing::Field;

constexpr char kOld[] = "aaaa";
constexpr char kNew[] = "bbbb";

// One replica whose world a test moves by hand. Each Step's book becomes the next one's.
class StepTest : public ::testing::Test {
 protected:
  StepTest() {
    in_.id = "r";
    in_.book.id = "r";
    in_.now = absl::Seconds(1000);
    in_.wall = absl::FromUnixSeconds(1'700'000'000);
    in_.applied = true;
    in_.connected = true;
    policy_.soak = absl::Seconds(30);
    policy_.deadline = absl::Seconds(60);
    Want(kOld);
  }

  void Want(const std::string& sha256) {
    in_.wanted = WantedReplica{sha256, {}};
    in_.policies[sha256] = policy_;
  }
  void Permit(const std::string& id, const std::string& to, const std::string& action = "replace") {
    in_.leaves.push_back({id, action, to});
  }
  void Runs(const std::string& sha256, const std::string& run, bool ready = true) {
    SeenReplica seen;
    seen.running = true;
    seen.sha256 = sha256;
    seen.run = run;
    seen.pid = 42;
    seen.health.ready = ready;
    if (!ready) seen.health.message = "readiness probe: refused";
    in_.seen = seen;
  }
  void Ends(const std::string& exit, const std::string& reason = "") {
    in_.seen->running = false;
    in_.seen->exit = exit;
    in_.seen->exit_reason = reason;
  }
  void After(absl::Duration time) { in_.now += time, in_.wall += time; }

  StepResult Go() {
    StepResult result = Step(in_);
    in_.book = result.book;
    in_.failure.reset();
    in_.adopting = false;
    return result;
  }
  // Starts kOld and brings it to Ready.
  void BringUp() {
    Go();
    Runs(kOld, "run-1");
    EXPECT_EQ(Go().status.status().state(), "Ready");
  }
  static std::optional<Kind> KindOf(const StepResult& result) {
    return result.action.has_value() ? std::optional(result.action->kind) : std::nullopt;
  }

  StepInput in_;
  ReplicaPolicy policy_;
};

TEST_F(StepTest, StartsWhatIsWantedAndSaysReady) {
  StepResult result = Go();
  ASSERT_EQ(KindOf(result), Kind::kStart);
  EXPECT_EQ(result.action->sha256, kOld);
  EXPECT_EQ(result.action->lease, std::nullopt);
  EXPECT_EQ(result.status.status().state(), "Starting");
  Runs(kOld, "run-1", /*ready=*/false);
  result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_EQ(result.status.status().state(), "Running");
  EXPECT_EQ(result.status.status().reason(), reason::kWaitingForReadiness);
  EXPECT_THAT(result.events, Contains(Field(&ReplicaEvent::reason, reason::kStarted)));
  Runs(kOld, "run-1");
  result = Go();
  EXPECT_EQ(result.status.status().state(), "Ready");
  EXPECT_EQ(result.status.status().entry_sha256(), kOld);
  EXPECT_EQ(result.status.status().pid(), 42);
  EXPECT_THAT(result.events, Contains(Field(&ReplicaEvent::reason, reason::kReady)));
}

TEST_F(StepTest, TheSameEntryMeansNoAction) {
  BringUp();
  for (int i = 0; i < 10; ++i) {
    After(absl::Hours(1));
    const StepResult result = Go();
    EXPECT_EQ(KindOf(result), std::nullopt);
    EXPECT_TRUE(result.events.empty());
  }
}

TEST_F(StepTest, AFailingReadinessIsUnhealthyAndStopsNothing) {
  BringUp();
  Runs(kOld, "run-1", /*ready=*/false);
  const StepResult result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_EQ(result.status.status().state(), "Unhealthy");
  EXPECT_EQ(result.status.status().message(), "readiness probe: refused");
}

TEST_F(StepTest, AnEndBacksOffExponentiallyAndIsCountedOnce) {
  BringUp();
  absl::Duration wait = absl::Seconds(1);
  for (int end = 1; end <= 3; ++end) {
    Ends("code 1");
    StepResult result = Go();
    EXPECT_EQ(KindOf(result), Kind::kRemove);
    Go();  // the removal failed: asked again, not counted again
    in_.seen.reset();
    result = Go();
    EXPECT_EQ(result.status.status().state(), "Backoff");
    EXPECT_EQ(result.status.status().restarts(), end);
    EXPECT_EQ(result.status.status().exit(), "code 1");
    EXPECT_EQ(result.status.status().reason(), end < 3 ? reason::kExited : reason::kCrashLoop);
    EXPECT_EQ(result.wake, in_.now + wait);
    After(wait);
    EXPECT_EQ(KindOf(Go()), Kind::kStart);
    Runs(kOld, "run-" + std::to_string(end + 1));
    Go();
    wait *= 2;
  }
}

TEST_F(StepTest, AStableRunEndsTheSeries) {
  BringUp();
  for (int end = 0; end < 5; ++end) {
    After(absl::Minutes(2));
    Ends("code 1");
    Go();
    in_.seen.reset();
    EXPECT_EQ(Go().wake, in_.now + absl::Seconds(1));
    After(absl::Seconds(1));
    Go();
    Runs(kOld, "again-" + std::to_string(end));
    Go();
  }
}

TEST_F(StepTest, OutOfMemoryAndMissingProgramsAreNamed) {
  BringUp();
  Ends("signal 9", std::string(reason::kOutOfMemory));
  const StepResult result = Go();
  EXPECT_THAT(result.events, Contains(Field(&ReplicaEvent::reason, reason::kOutOfMemory)));
  in_.seen.reset();
  EXPECT_EQ(Go().status.status().reason(), reason::kOutOfMemory);
  After(absl::Seconds(1));
  Go();
  in_.failure = StartFailure{std::string(reason::kProgramNotFound), "/no/such: No such file or directory"};
  const StepResult failed = Go();
  EXPECT_EQ(failed.status.status().state(), "Backoff");
  EXPECT_EQ(failed.status.status().reason(), reason::kProgramNotFound);
}

TEST_F(StepTest, ALauncherThatIsDownIsNotTheReplicasFault) {
  Go();
  in_.failure = StartFailure{std::string(reason::kLauncherDown), "no launcher", /*counts=*/false};
  const StepResult result = Go();
  EXPECT_EQ(result.status.status().restarts(), 0);
  EXPECT_EQ(result.wake, in_.now + absl::Seconds(1));
}

TEST_F(StepTest, AChangedEntryWaitsForItsPermit) {
  BringUp();
  Want(kNew);
  Permit("p0", "cccc");  // for another digest
  StepResult result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_EQ(result.status.status().state(), "Ready");
  EXPECT_EQ(result.status.status().reason(), reason::kWaitingForPermit);
  EXPECT_EQ(result.status.status().entry_sha256(), kOld);
  in_.leaves.clear();
  Permit("p1", kNew);
  EXPECT_EQ(KindOf(Go()), Kind::kStop);
}

// From a running kOld to a running kNew under permit "p1".
class ReplaceTest : public StepTest {
 protected:
  void Replace(bool ready) {
    BringUp();
    Want(kNew);
    Permit("p1", kNew);
    EXPECT_EQ(KindOf(Go()), Kind::kStop);
    Ends("signal 15");
    EXPECT_EQ(KindOf(Go()), Kind::kRemove);
    in_.seen.reset();
    const StepResult start = Go();
    EXPECT_EQ(KindOf(start), Kind::kStart);
    EXPECT_EQ(start.action->sha256, kNew);
    Runs(kNew, "run-2", ready);
    last_ = Go();
  }
  StepResult last_;
};

TEST_F(ReplaceTest, ClosesThePermitWhenReadyAndLetsThePreviousGoAfterItsSoak) {
  Replace(/*ready=*/true);
  EXPECT_EQ(last_.status.closed_permit_id(), "p1");
  EXPECT_EQ(last_.status.status().restarts(), 0);
  EXPECT_EQ(in_.book.previous, kOld);
  EXPECT_EQ(last_.wake, in_.now + policy_.soak);
  After(policy_.soak);
  Go();
  EXPECT_EQ(in_.book.previous, "");
  in_.leaves.clear();  // the centre has heard it
  EXPECT_EQ(Go().status.closed_permit_id(), "");
}

TEST_F(ReplaceTest, MissedDeadlineIsTheCentresMatterWhileItIsWithinReach) {
  Replace(/*ready=*/false);
  EXPECT_EQ(last_.status.closed_permit_id(), "");
  After(policy_.deadline * 10);
  EXPECT_EQ(KindOf(Go()), std::nullopt);
  EXPECT_EQ(in_.book.current, kNew);
}

TEST_F(ReplaceTest, MissedDeadlineWhileCutOffReturnsToThePreviousAndStays) {
  Replace(/*ready=*/false);
  in_.connected = false;
  EXPECT_EQ(Go().wake, in_.now + policy_.deadline);
  After(policy_.deadline);
  StepResult result = Go();
  EXPECT_EQ(KindOf(result), Kind::kStop);
  EXPECT_THAT(result.events, Contains(Field(&ReplicaEvent::reason, reason::kOnPrevious)));
  Ends("signal 15");
  Go();
  in_.seen.reset();
  result = Go();
  ASSERT_EQ(KindOf(result), Kind::kStart);
  EXPECT_EQ(result.action->sha256, kOld);
  Runs(kOld, "run-3");
  result = Go();
  EXPECT_TRUE(result.status.status().on_previous());
  EXPECT_EQ(result.status.status().reason(), reason::kOnPrevious);
  EXPECT_EQ(result.status.closed_permit_id(), "p1") << "the replica is Ready again";
  for (int i = 0; i < 5; ++i) {  // no flapping, connected or not
    After(policy_.deadline);
    in_.connected = i % 2 == 0;
    EXPECT_EQ(KindOf(Go()), std::nullopt);
  }
  in_.leaves.clear();
  Permit("p2", kNew);  // the centre wants it tried again
  EXPECT_EQ(KindOf(Go()), Kind::kStop);
  EXPECT_EQ(in_.book.current, kNew);
  EXPECT_FALSE(in_.book.on_previous);
}

TEST_F(ReplaceTest, ANewAgentThatHasNotAskedYetJudgesNoTrial) {
  Replace(/*ready=*/false);
  in_.connected = false;
  in_.adopting = true;
  in_.seen->health.known = false;
  After(absl::Hours(1));
  EXPECT_EQ(KindOf(Go()), std::nullopt);
  EXPECT_EQ(in_.book.current, kNew);
  in_.seen->health.known = true;
  Go();
  EXPECT_EQ(in_.book.current, kOld) << "once its probes have decided, the deadline counts";
}

TEST_F(ReplaceTest, OneThatCrashesDuringItsSoakIsReturnedFromToo) {
  Replace(/*ready=*/true);
  in_.connected = false;
  After(policy_.deadline + policy_.soak - absl::Seconds(1));
  in_.seen->health.ready = false;
  // It had been Ready for its soak by then only if nobody interrupted it; here it was, so it is let go.
  in_.book.ready_since = in_.now - absl::Seconds(1);
  EXPECT_EQ(KindOf(Go()), std::nullopt);
  After(absl::Seconds(1));
  EXPECT_EQ(KindOf(Go()), Kind::kStop);
  EXPECT_EQ(in_.book.current, kOld);
}

TEST_F(StepTest, ALackingFeatureKeepsWhatRuns) {
  BringUp();
  in_.wanted = WantedReplica{kNew, {"containers"}};
  Permit("p1", kNew);
  const StepResult result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_EQ(result.status.status().state(), "Ready");
  EXPECT_EQ(result.status.status().reason(), reason::kAgentTooOld);
}

TEST_F(StepTest, ALackingFeatureOfANewReplicaStartsNothing) {
  in_.wanted = WantedReplica{kNew, {"containers"}};
  const StepResult result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_EQ(result.status.status().state(), "Pending");
  EXPECT_EQ(result.status.status().reason(), reason::kAgentTooOld);
}

TEST_F(StepTest, AnEntryThatIsGoneIsTheLeaveToRemove) {
  BringUp();
  in_.wanted.reset();
  EXPECT_EQ(KindOf(Go()), Kind::kStop);
  Ends("code 0");
  EXPECT_EQ(KindOf(Go()), Kind::kRemove);
  in_.seen.reset();
  const StepResult result = Go();
  EXPECT_TRUE(result.status.gone());
  EXPECT_EQ(result.status.status().state(), "Stopped");
  EXPECT_THAT(result.events, Contains(Field(&ReplicaEvent::reason, reason::kRemoved)));
  EXPECT_TRUE(Go().events.empty()) << "said once, reported until the centre has confirmed";
  EXPECT_TRUE(in_.book.gone);
}

TEST_F(StepTest, BeforeAnySetWasAppliedNothingIsRemoved) {
  in_.wanted.reset();
  in_.applied = false;
  Runs(kOld, "run-1");
  const StepResult result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_EQ(result.status.status().state(), "Ready");
}

TEST_F(StepTest, APermitToRemoveRemovesWhileTheEntryIsThere) {
  BringUp();
  Permit("p1", "", "remove");
  EXPECT_EQ(KindOf(Go()), Kind::kStop);
  Ends("signal 15");
  Go();
  in_.seen.reset();
  StepResult result = Go();
  EXPECT_TRUE(result.status.gone());
  EXPECT_EQ(result.status.closed_permit_id(), "p1");
  EXPECT_EQ(KindOf(Go()), std::nullopt);
  in_.leaves.clear();  // taken back
  EXPECT_EQ(KindOf(Go()), Kind::kStart);
  EXPECT_FALSE(in_.book.gone);
}

TEST_F(StepTest, ARestartThatWasAskedForDoesNotWait) {
  BringUp();
  in_.book.restart_asked = true;
  StepResult result = Go();
  EXPECT_EQ(KindOf(result), Kind::kStop);
  EXPECT_EQ(result.status.status().reason(), reason::kRestartRequested);
  Ends("signal 15");
  Go();
  in_.seen.reset();
  result = Go();
  EXPECT_EQ(KindOf(result), Kind::kStart);
  EXPECT_EQ(result.status.status().restarts(), 1);
  EXPECT_FALSE(in_.book.restart_asked);
}

TEST_F(StepTest, ARestartInBackoffStartsAtOnce) {
  BringUp();
  Ends("code 1");
  Go();
  in_.seen.reset();
  EXPECT_EQ(KindOf(Go()), std::nullopt);
  in_.book.restart_asked = true;
  EXPECT_EQ(KindOf(Go()), Kind::kStart);
}

TEST_F(StepTest, AFailedLivenessProbeRestartsWithBackoff) {
  BringUp();
  in_.seen->health.alive = false;
  in_.seen->health.message = "liveness probe: HTTP status 500";
  StepResult result = Go();
  EXPECT_EQ(KindOf(result), Kind::kStop);
  EXPECT_EQ(result.status.status().message(), "liveness probe: HTTP status 500");
  Ends("signal 15");
  Go();
  in_.seen.reset();
  result = Go();
  EXPECT_EQ(result.status.status().state(), "Backoff");
  EXPECT_EQ(result.status.status().reason(), reason::kLivenessFailed);
}

TEST_F(StepTest, AStopIsAskedAgainOnlyWellAfterItsGrace) {
  BringUp();
  in_.wanted.reset();
  EXPECT_EQ(KindOf(Go()), Kind::kStop);
  After(policy_.grace);
  EXPECT_EQ(KindOf(Go()), std::nullopt);
  After(absl::Seconds(5));
  EXPECT_EQ(KindOf(Go()), Kind::kStop);
}

TEST_F(StepTest, AStopThatANewAgentFindsIsDecidedAgain) {
  BringUp();
  Want(kNew);
  Permit("p1", kNew);
  EXPECT_EQ(KindOf(Go()), Kind::kStop);
  in_.adopting = true;
  EXPECT_EQ(KindOf(Go()), Kind::kStop);
}

TEST_F(StepTest, AdoptionTouchesNothingAndSaysSo) {
  BringUp();
  in_.adopting = true;
  const StepResult result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_THAT(result.events, Contains(Field(&ReplicaEvent::reason, reason::kAdopted)));
}

TEST_F(StepTest, AnUnknownRunOfALostStateIsKeptWhateverItWasStartedFrom) {
  Runs("cccc", "run-9");
  Want(kNew);
  const StepResult result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_EQ(in_.book.current, "cccc");
  EXPECT_EQ(result.status.status().reason(), reason::kWaitingForPermit);
}

TEST_F(StepTest, AVanishedProcessIsStartedAgain) {
  BringUp();
  in_.seen.reset();
  EXPECT_EQ(Go().status.status().reason(), reason::kProcessLost);
  After(absl::Seconds(1));
  EXPECT_EQ(KindOf(Go()), Kind::kStart);
}

TEST_F(StepTest, NothingIsDecidedWhileAnActionIsUnderWay) {
  in_.busy = true;
  const StepResult result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_EQ(result.book, in_.book);
}

class StopAfterTest : public StepTest {
 protected:
  StopAfterTest() {
    policy_.stop_after = absl::Minutes(10);
    in_.policies[kOld] = policy_;
  }
};

TEST_F(StopAfterTest, DoesNotStartBeforeAnAnswerOfThisBoot) {
  in_.connected = false;
  StepResult result = Go();
  EXPECT_EQ(KindOf(result), std::nullopt);
  EXPECT_EQ(result.status.status().state(), "Stopped");
  EXPECT_EQ(result.status.status().reason(), reason::kStopAfterNoContact);
  in_.last_answer = in_.now;
  result = Go();
  ASSERT_EQ(KindOf(result), Kind::kStart);
  EXPECT_EQ(result.action->lease, in_.now + absl::Minutes(10));
}

TEST_F(StopAfterTest, OnlyAnAnswerExtendsTheLease) {
  in_.last_answer = in_.now;
  Go();
  Runs(kOld, "run-1");
  in_.seen->lease = in_.now + absl::Minutes(10);
  After(absl::Minutes(5));
  EXPECT_EQ(KindOf(Go()), std::nullopt);
  in_.last_answer = in_.now - absl::Seconds(1);
  const StepResult result = Go();
  ASSERT_EQ(KindOf(result), Kind::kExtendLease);
  EXPECT_EQ(result.action->lease, in_.now - absl::Seconds(1) + absl::Minutes(10))
      << "counted from the sending";
}

TEST_F(StopAfterTest, AnExpiredLeaseStaysDownUntilAnAnswer) {
  in_.last_answer = in_.now;
  Go();
  Runs(kOld, "run-1");
  Go();
  After(absl::Minutes(11));
  Ends("signal 15");
  in_.seen->lease_expired = true;
  Go();
  in_.seen.reset();
  StepResult result = Go();
  EXPECT_EQ(result.status.status().reason(), reason::kStopAfterNoContact);
  EXPECT_EQ(result.status.status().restarts(), 0);
  in_.last_answer = in_.now;
  EXPECT_EQ(KindOf(Go()), Kind::kStart);
}

// Found without an entry, as after the state was lost: silent until the control plane names it.
TEST_F(StepTest, WhatIsFoundUnnamedEndsUnsaidAndNamedIsSaid) {
  in_.wanted.reset();
  in_.policies.clear();
  Runs(kOld, "run-1");
  EXPECT_TRUE(Go().book.unnamed);
  Permit("p", "", "remove");
  EXPECT_FALSE(Go().book.unnamed) << "the centre waits to hear of its end";
  in_.seen.reset();
  EXPECT_TRUE(Go().status.gone());
}

}  // namespace
}  // namespace perigee::satellite
