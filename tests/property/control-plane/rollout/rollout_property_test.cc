// A site lives through random histories; every step the decision asks for is carried out as the controllers and a
// satellite would. At no moment may more replicas be disturbed than the budget allows, a healthy one be taken while
// another is known to be down, or, once the world is quiet, anything be left undone.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "control-plane/rollout/rollout.h"
#include "tests/property/rounds.h"

namespace perigee::control {
namespace {

class World {
 public:
  World(uint64_t seed, int budget) : random_(seed), budget_(budget) {
    for (int i = 0; i < 1 + Below(5); ++i) Add();
  }

  void Happen() {
    if (replicas_.empty()) Add();
    RolloutReplica& one = replicas_[Below(static_cast<int>(replicas_.size()))];
    switch (Below(9)) {
      case 0:
        for (auto& replica : replicas_) replica.current = false;
        break;
      case 1:
        one.live = !one.live;
        break;
      case 2:
        one.ready = false;
        break;
      case 3:
        one.wanted = one.wanted && one.leaving ? one.wanted : !one.wanted;
        break;
      case 4:
        Add();
        break;
      case 5:
        paused_ = !paused_;
        break;
      default:
        Answer(one);
    }
  }

  void Decide() {
    const std::vector<RolloutReplica> before = replicas_;
    const SiteRollout result = DecideSite({.replicas = replicas_, .budget = budget_, .paused = paused_});
    for (const Step& step : result.steps) Carry(step);
    int disturbed = 0;
    for (const auto& replica : replicas_) disturbed += !replica.permit_id.empty();
    EXPECT_LE(disturbed, budget_);
    EXPECT_EQ(disturbed, result.disturbed);
    CheckHealthyOnesAreSpared(before, result);
    const auto again = DecideSite({.replicas = replicas_, .budget = budget_, .paused = paused_});
    EXPECT_TRUE(again.steps.empty()) << "a decision is complete: deciding again finds nothing";
  }

  // Everybody is reachable, everything starts.
  void Quieten() {
    paused_ = false;
    for (int i = 0; i < 100; ++i) {
      for (auto& replica : replicas_) {
        replica.live = true;
        Answer(replica);
      }
      Decide();
    }
    for (const auto& replica : replicas_) {
      EXPECT_TRUE(replica.wanted);
      EXPECT_TRUE(replica.current);
      EXPECT_TRUE(replica.ready);
      EXPECT_TRUE(replica.permit_id.empty());
    }
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }

  void Add() {
    const std::string uid = "r" + std::to_string(next_);
    replicas_.push_back(
        {.assignment_uid = uid, .ordinal = next_++, .delivered = true, .current = true, .live = true});
  }

  // The satellite does what it was told and reports.
  void Answer(RolloutReplica& replica) {
    if (!replica.live) return;
    if (replica.leaving) {
      replica.gone = true;
      return;
    }
    replica.ready = true;
    if (!replica.permit_id.empty()) replica.permit_closed = true;
  }

  void Carry(const Step& step) {
    auto it = std::find_if(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
      return replica.assignment_uid == step.assignment_uid;
    });
    ASSERT_NE(it, replicas_.end());
    switch (step.kind) {
      case StepKind::kForget:
        EXPECT_FALSE(it->wanted && !it->leaving);
        replicas_.erase(it);
        return;
      case StepKind::kClosePermit:
        it->permit_id.clear();
        it->permit_closed = false;
        return;
      case StepKind::kRetarget:
        EXPECT_FALSE(it->delivered);
        it->current = true;
        return;
      case StepKind::kReplace:
      case StepKind::kRenew:
        it->permit_id = "p" + std::to_string(next_permit_++);
        it->permit_closed = false;
        it->current = true;
        it->ready = false;
        return;
      case StepKind::kRemove:
        it->permit_id = "p" + std::to_string(next_permit_++);
        it->permit_closed = false;
        it->leaving = true;
        it->ready = false;
        return;
    }
  }

  void CheckHealthyOnesAreSpared(const std::vector<RolloutReplica>& before, const SiteRollout& result) {
    int down = 0;
    std::map<std::string, bool> healthy;
    for (const auto& replica : before) {
      const bool was_disturbed = !replica.permit_id.empty() && !replica.permit_closed;
      healthy[replica.assignment_uid] = replica.ready && replica.live && !was_disturbed;
      if (replica.wanted && !replica.leaving && replica.live && !replica.ready && !was_disturbed) ++down;
    }
    for (const Step& step : result.steps) {
      if (step.kind != StepKind::kReplace && step.kind != StepKind::kRemove) continue;
      if (!healthy[step.assignment_uid]) continue;
      EXPECT_LT(result.unavailable, budget_) << "with " << down << " down";
    }
    EXPECT_LE(result.unavailable, down);
  }

  std::mt19937_64 random_;
  const int budget_;
  bool paused_ = false;
  int next_ = 0, next_permit_ = 0;
  std::vector<RolloutReplica> replicas_;
};

TEST(RolloutProperty, NeverMoreThanTheBudgetIsDisturbed) {
  for (const uint32_t seed : Rounds(2000)) {
    SCOPED_TRACE(seed);
    World world(seed, 1 + static_cast<int>(seed % 3));
    for (int i = 0; i < 60; ++i) {
      world.Happen();
      world.Decide();
    }
    world.Quieten();
  }
}

}  // namespace
}  // namespace perigee::control
