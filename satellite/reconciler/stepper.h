// The inside of Step. Within this module only. Split over step.cc (what has ended, what is said), step_choose.cc (what
// should run) and step_act.cc (what to do about what is there).
#pragma once

#include <algorithm>
#include <string>

#include "satellite/reconciler/step.h"
#include "shared/resource/replica_state.h"

namespace perigee::satellite {

class Stepper {
 public:
  explicit Stepper(const StepInput& in) : in_(in), book_(out_.book) {
    book_ = in.book;
    if (in.wanted.has_value() || !in.leaves.empty()) {
      book_.unnamed = false;
    } else if (in.seen.has_value() && in.policies.empty() && book_.state.empty() && book_.current.empty()) {
      book_.unnamed = true;
    }
  }

  StepResult Run() {
    if (in_.busy) {
      ReportAsBefore();
      return std::move(out_);
    }
    CountFailure();
    CountEnd();
    Choose();
    JudgeTrial();
    ClosePermits();
    if (in_.seen.has_value() && in_.seen->running) {
      OnRunning();
    } else if (in_.seen.has_value()) {
      OnExited();
    } else {
      OnAbsent();
    }
    Report();
    return std::move(out_);
  }

 private:
  void CountFailure();
  void CountEnd();
  void CountWantedEnd();
  void CountBadEnd(std::string_view reason, std::string exit);
  void Choose();
  bool CanUseWanted();
  void TakeWhatNeedsNoLeave();
  void Note(std::string_view why, std::string message);
  void Replace(const Leave& leave);
  const Leave* LeaveToRemove() const;
  const Leave* LeaveToReplace() const;
  void JudgeTrial();
  void ReturnToPrevious();
  void ClosePermits();
  void OnRunning();
  void MeetRun();
  void StopFor(std::string_view why);
  std::string_view StopReason() const;
  void ExtendLease();
  void OnExited();
  void OnAbsent();
  ReplicaState StateBefore() const;
  bool MayStart();
  void StartNow();
  void BecomeGone();
  void SayRunning();
  void Say(ReplicaState state, std::string_view reason, std::string message = "");
  void Report();
  void ReportAsBefore();
  void FillStatus();
  void Tell(std::string_view reason, std::string message, bool warning = false);
  void WakeAt(absl::Duration at) { out_.wake = std::min(out_.wake, at); }
  void Act(ReplicaAction::Kind kind) { out_.action = ReplicaAction{.kind = kind, .id = in_.id}; }

  bool IsRunning() const { return in_.seen.has_value() && in_.seen->running; }
  bool IsReady() const {
    return IsRunning() && !in_.seen->run.empty() && in_.seen->sha256 == book_.current &&
           book_.stop_asked_at == kZero && in_.seen->health.started && in_.seen->health.ready &&
           in_.seen->health.alive;
  }
  ReplicaPolicy PolicyFor(const std::string& sha256) const {
    auto it = in_.policies.find(sha256);
    return it == in_.policies.end() ? ReplicaPolicy() : it->second;
  }
  // Until when a stopAfter replica may run; InfiniteDuration without stopAfter, InfinitePast-like zero without an answer.
  absl::Duration LeaseEnd(const ReplicaPolicy& policy) const {
    if (!policy.stop_after.has_value()) return absl::InfiniteDuration();
    return in_.last_answer.has_value() ? *in_.last_answer + *policy.stop_after : kZero;
  }

  static constexpr absl::Duration kZero = absl::ZeroDuration();

  const StepInput& in_;
  StepResult out_;
  ReplicaBook& book_;

  bool hands_off_ = false;  // no signed set was ever applied: nothing is known about what should be
  bool remove_ = false;
  std::string note_reason_;  // why what runs is not what is wanted
  std::string note_message_;
  ReplicaState state_ = ReplicaState::kPending;
  std::string reason_;
  std::string message_;
};

}  // namespace perigee::satellite
