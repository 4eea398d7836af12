#include "control-plane/rollout/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perigee::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

RolloutReplica Running(int ordinal) {
  return {.assignment_uid = "r" + std::to_string(ordinal),
          .ordinal = ordinal,
          .delivered = true,
          .current = true,
          .ready = true,
          .live = true};
}
RolloutReplica Outdated(int ordinal) {
  RolloutReplica replica = Running(ordinal);
  replica.current = false;
  return replica;
}
std::vector<Step> Steps(std::vector<RolloutReplica> replicas) {
  return DecideSite({.replicas = replicas}).steps;
}

TEST(Rollout, ReplacesOneAtATime) {
  const SiteRollout result = DecideSite({.replicas = {Outdated(1), Outdated(0), Outdated(2)}});
  EXPECT_THAT(result.steps, ElementsAre(Step{StepKind::kReplace, "r0"}));
  EXPECT_EQ(result.waiting, 2);
  EXPECT_EQ(result.disturbed, 1);
}

TEST(Rollout, WaitsWhileAPermitIsOpen) {
  RolloutReplica disturbed = Running(0);
  disturbed.permit_id = "p";
  disturbed.ready = false;
  EXPECT_THAT(Steps({disturbed, Outdated(1)}), IsEmpty());
}

TEST(Rollout, AUsedPermitIsClosedAndTheNextReplicaGoesOn) {
  RolloutReplica done = Running(0);
  done.permit_id = "p";
  done.permit_closed = true;
  EXPECT_THAT(Steps({done, Outdated(1)}),
              ElementsAre(Step{StepKind::kClosePermit, "r0"}, Step{StepKind::kReplace, "r1"}));
}

TEST(Rollout, AReplicaThatIsDownCountsAsUnavailable) {
  RolloutReplica down = Running(0);
  down.ready = false;
  EXPECT_THAT(Steps({down, Outdated(1)}), IsEmpty());
}

TEST(Rollout, TheBrokenOneIsReplacedFirst) {
  RolloutReplica down = Outdated(2);
  down.ready = false;
  EXPECT_THAT(Steps({Outdated(0), Outdated(1), down}), ElementsAre(Step{StepKind::kReplace, "r2"}));
}

TEST(Rollout, AnOfflineSatelliteIsDeferredAndHoldsUpNobody) {
  RolloutReplica away = Outdated(0);
  away.live = false;
  const SiteRollout result = DecideSite({.replicas = {away, Outdated(1)}});
  EXPECT_THAT(result.steps, ElementsAre(Step{StepKind::kReplace, "r1"}));
  EXPECT_EQ(result.deferred, 1);
}

TEST(Rollout, OneThatWentAwayWhileDisturbedKeepsTheBudget) {
  RolloutReplica away = Running(0);
  away.live = false;
  away.permit_id = "p";
  EXPECT_THAT(Steps({away, Outdated(1)}), IsEmpty());
}

TEST(Rollout, AFurtherChangeGoesToTheDisturbedOneFirst) {
  RolloutReplica failing = Outdated(1);
  failing.permit_id = "p";
  failing.ready = false;
  EXPECT_THAT(Steps({Outdated(0), failing}), ElementsAre(Step{StepKind::kRenew, "r1"}));
}

TEST(Rollout, WhatWasNeverDeliveredChangesWithoutAPermit) {
  RolloutReplica fresh = Outdated(0);
  fresh.delivered = false;
  fresh.ready = false;
  RolloutReplica second = fresh;
  second.assignment_uid = "r1";
  EXPECT_THAT(Steps({fresh, second}),
              ElementsAre(Step{StepKind::kRetarget, "r0"}, Step{StepKind::kRetarget, "r1"}));
}

TEST(Rollout, PausedReplacesNothingButRemoves) {
  RolloutReplica unwanted = Running(1);
  unwanted.wanted = false;
  const SiteRollout result = DecideSite({.replicas = {Outdated(0), unwanted}, .paused = true});
  EXPECT_THAT(result.steps, ElementsAre(Step{StepKind::kRemove, "r1"}));
}

TEST(Rollout, TheOldPlaceGoesWhenTheNewOneIsReady) {
  RolloutReplica old = Running(1), young = Running(0);
  old.wanted = false;
  young.ready = false;
  EXPECT_THAT(Steps({old, young}), IsEmpty());
  young.ready = true;
  EXPECT_THAT(Steps({old, young}), ElementsAre(Step{StepKind::kRemove, "r1"}));
}

TEST(Rollout, RemovalEnds) {
  struct Case {
    const char* name;
    bool gone, permit_closed, lost;
  };
  for (const Case& c : {Case{"reported gone", true, false, false}, Case{"permit used", false, true, false},
                        Case{"satellite lost", false, false, true}}) {
    SCOPED_TRACE(c.name);
    RolloutReplica leaving = Running(0);
    leaving.wanted = false;
    leaving.leaving = true;
    leaving.permit_id = "p";
    EXPECT_THAT(Steps({leaving}), IsEmpty());
    leaving.gone = c.gone;
    leaving.permit_closed = c.permit_closed;
    leaving.satellite_lost = c.lost;
    EXPECT_THAT(Steps({leaving}), ElementsAre(Step{StepKind::kForget, "r0"}));
  }
}

TEST(Rollout, UnwantedThatNeverRanIsForgotten) {
  RolloutReplica never = Running(0);
  never.wanted = false;
  never.delivered = false;
  EXPECT_THAT(Steps({never}), ElementsAre(Step{StepKind::kForget, "r0"}));
}

TEST(Rollout, DeletingTheWorkloadRemovesAllAtOnceEvenOffline) {
  RolloutReplica a = Running(0), b = Running(1);
  a.wanted = b.wanted = false;
  b.live = false;
  const SiteRollout result = DecideSite({.replicas = {a, b}, .remove_all_at_once = true});
  EXPECT_THAT(result.steps, ElementsAre(Step{StepKind::kRemove, "r0"}, Step{StepKind::kRemove, "r1"}));
}

TEST(Rollout, WhatCannotBeMadeIsBlocked) {
  RolloutReplica blocked = Outdated(0);
  blocked.can_update = false;
  const SiteRollout result = DecideSite({.replicas = {blocked, Outdated(1)}});
  EXPECT_THAT(result.steps, ElementsAre(Step{StepKind::kReplace, "r1"}));
  EXPECT_EQ(result.blocked, 1);
}

}  // namespace
}  // namespace perigee::control
