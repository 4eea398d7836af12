#include "control-plane/rollout/rollout.h"

#include <algorithm>
#include <tuple>

namespace perigee::control {
namespace {

class SiteDecision {
 public:
  explicit SiteDecision(const SiteRolloutInput& input) : input_(input) {
    for (const auto& replica : input.replicas)
      replicas_.push_back({.is = &replica, .permit = !replica.permit_id.empty()});
    std::sort(replicas_.begin(), replicas_.end(), [](const Replica& a, const Replica& b) {
      return std::tie(a.is->ordinal, a.is->assignment_uid) < std::tie(b.is->ordinal, b.is->assignment_uid);
    });
  }

  SiteRollout Decide() {
    for (Replica& replica : replicas_) Close(replica);
    for (const Replica& replica : replicas_) Count(replica);
    for (Replica& replica : replicas_) StepWithoutBudget(replica);
    SpendBudget();
    for (const Replica& replica : replicas_) CountLeftOver(replica);
    return std::move(result_);
  }

 private:
  struct Replica {
    const RolloutReplica* is;
    bool permit = false;  // open
    bool forgotten = false;
    bool stepped = false;  // given something to do in this decision
  };

  static bool NeedsChange(const Replica& replica) {
    if (replica.forgotten || replica.is->leaving) return false;
    return !replica.is->wanted || !replica.is->current;
  }

  void Take(Replica& replica, StepKind kind) {
    result_.steps.push_back({kind, replica.is->assignment_uid});
    replica.stepped = true;
  }

  // What has ended: gone replicas, used permits.
  void Close(Replica& replica) {
    const RolloutReplica& is = *replica.is;
    const bool ended = is.leaving && (is.gone || is.permit_closed || is.satellite_lost);
    const bool never_there = !is.wanted && !is.leaving && is.permit_id.empty() && !is.delivered;
    const bool unreachable = !is.wanted && is.satellite_lost;
    if (ended || never_there || unreachable) {
      result_.steps.push_back({StepKind::kForget, is.assignment_uid});
      replica.forgotten = true;
      replica.permit = false;
    } else if (replica.permit && is.permit_closed) {
      result_.steps.push_back({StepKind::kClosePermit, is.assignment_uid});
      replica.permit = false;
    }
  }

  void Count(const Replica& replica) {
    const RolloutReplica& is = *replica.is;
    if (replica.permit) ++result_.disturbed;
    if (is.wanted && !is.leaving && is.live && !is.ready && !replica.permit && !replica.forgotten)
      ++result_.unavailable;
  }

  // Steps that take no replica away which is not away already.
  void StepWithoutBudget(Replica& replica) {
    const RolloutReplica& is = *replica.is;
    if (!NeedsChange(replica)) return;
    if (!is.wanted) {
      if (replica.permit) {
        Take(replica, StepKind::kRemove);
      } else if (input_.remove_all_at_once) {
        Take(replica, StepKind::kRemove);
        ++result_.disturbed;
      }
      return;
    }
    if (!is.can_update) return;
    if (!replica.permit && !is.delivered) {
      Take(replica, StepKind::kRetarget);
    } else if (replica.permit && !input_.paused) {
      Take(replica, StepKind::kRenew);
    }
  }

  bool IsCandidate(const Replica& replica) const {
    const RolloutReplica& is = *replica.is;
    if (!NeedsChange(replica) || replica.stepped || replica.permit || !is.live) return false;
    return !is.wanted || (is.can_update && !input_.paused);
  }

  void SpendBudget() {
    std::vector<Replica*> candidates;
    for (Replica& replica : replicas_) {
      if (IsCandidate(replica)) candidates.push_back(&replica);
    }
    // Broken ones first: replacing them takes nothing away. Then what is to go, for the room it frees.
    std::sort(candidates.begin(), candidates.end(), [](const Replica* a, const Replica* b) {
      const auto rank = [](const RolloutReplica& is) {
        return std::tie(is.ready, is.wanted, is.ordinal, is.assignment_uid);
      };
      return rank(*a->is) < rank(*b->is);
    });
    for (Replica* candidate : candidates) {
      const bool broken = !candidate->is->ready;
      const int away = result_.disturbed + (broken ? 0 : result_.unavailable);
      if (away >= input_.budget) continue;
      if (broken && candidate->is->wanted) --result_.unavailable;
      ++result_.disturbed;
      Take(*candidate, candidate->is->wanted ? StepKind::kReplace : StepKind::kRemove);
    }
  }

  void CountLeftOver(const Replica& replica) {
    if (!NeedsChange(replica) || replica.stepped) return;
    if (replica.is->wanted && !replica.is->can_update) {
      ++result_.blocked;
    } else if (!replica.is->live && !replica.permit) {
      ++result_.deferred;
    } else {
      ++result_.waiting;
    }
  }

  const SiteRolloutInput& input_;
  std::vector<Replica> replicas_;
  SiteRollout result_;
};

}  // namespace

SiteRollout DecideSite(const SiteRolloutInput& input) {
  return SiteDecision(input).Decide();
}

}  // namespace perigee::control
