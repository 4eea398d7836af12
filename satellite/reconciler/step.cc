#include "satellite/reconciler/step.h"

#include "absl/strings/str_cat.h"
#include "satellite/reconciler/stepper.h"
#include "shared/base/status.h"
#include "shared/resource/quantity.h"
#include "shared/resource/reasons.h"
#include "shared/session/moment.h"

namespace perigee::satellite {
namespace {

constexpr int kCrashLoopAfter = 3;                        // ends in a row
constexpr absl::Duration kRetryAfter = absl::Seconds(1);  // of what failed through no fault of the replica

}  // namespace

// ---- What has ended.

void Stepper::CountFailure() {
  if (!in_.failure.has_value()) return;
  book_.run.clear();
  book_.run_ended = true;
  if (in_.failure->counts) {
    CountBadEnd(in_.failure->reason, in_.failure->message);
    return;
  }
  book_.not_before = in_.now + kRetryAfter;
  book_.exit_reason = in_.failure->reason;
  book_.last_exit = in_.failure->message;
}

void Stepper::CountEnd() {
  const bool exited = in_.seen.has_value() && !in_.seen->running;
  if (exited && !(book_.run == in_.seen->run && book_.run_ended)) {
    book_.run = in_.seen->run;
    book_.run_ended = true;
    if (book_.stop_asked_at != kZero && book_.stop_reason != reason::kLivenessFailed) {
      book_.last_exit = in_.seen->exit;
      CountWantedEnd();
    } else if (in_.seen->lease_expired) {
      book_.last_exit = in_.seen->exit;
      book_.exit_reason = reason::kStopAfterNoContact;
      book_.not_before = kZero;
    } else {
      CountBadEnd(book_.stop_asked_at != kZero ? book_.stop_reason : in_.seen->exit_reason, in_.seen->exit);
    }
  } else if (!in_.seen.has_value() && !book_.run.empty() && !book_.run_ended) {
    book_.run_ended = true;
    CountBadEnd(reason::kProcessLost, "the process is gone without a trace");
  } else {
    return;
  }
  book_.stop_asked_at = kZero;
  book_.stop_reason.clear();
  book_.ready_since = kZero;
}

void Stepper::CountWantedEnd() {
  book_.exit_reason = book_.stop_reason;
  book_.not_before = kZero;
  book_.backoff_attempt = 0;
  if (book_.stop_reason == reason::kRestartRequested) {
    ++book_.restarts;
    book_.restart_asked = false;
  }
  Tell(book_.stop_reason == reason::kRestartRequested ? reason::kRestartRequested : reason::kStopped,
       absl::StrCat("ended as asked, ", book_.last_exit));
}

void Stepper::CountBadEnd(std::string_view reason, std::string exit) {
  const ReplicaPolicy policy = PolicyFor(book_.current);
  if (book_.started_at != kZero && in_.now - book_.started_at >= policy.StableAfter())
    book_.backoff_attempt = 0;
  const absl::Duration wait = Exponential(policy.restart, book_.backoff_attempt);
  book_.not_before = in_.now + wait;
  ++book_.backoff_attempt;
  ++book_.restarts;
  if (reason.empty())
    reason = book_.backoff_attempt >= kCrashLoopAfter ? reason::kCrashLoop : reason::kExited;
  book_.exit_reason = std::string(reason);
  book_.last_exit = std::move(exit);
  Tell(reason, absl::StrCat(book_.last_exit, "; the next start waits ", DurationText(wait)),
       /*warning=*/true);
}

// ---- What is said.

void Stepper::Tell(std::string_view reason, std::string message, bool warning) {
  out_.events.push_back({std::string(reason), std::move(message), warning});
}

void Stepper::Say(ReplicaState state, std::string_view reason, std::string message) {
  state_ = state;
  reason_ = std::string(reason);
  message_ = std::move(message);
}

void Stepper::Report() {
  if (!out_.known) return;
  // Both mean that it waits to be started; which one can be said depends on where it comes from.
  if (state_ == ReplicaState::kPending && StateBefore() != state_ && !CanTransition(StateBefore(), state_)) {
    state_ = ReplicaState::kBackoff;
  } else if (state_ == ReplicaState::kBackoff && StateBefore() != state_ &&
             !CanTransition(StateBefore(), state_)) {
    state_ = ReplicaState::kPending;
  }
  // A stop is not taken back; one that did not reach the process ends in finding it again.
  if (StateBefore() == ReplicaState::kStopping && state_ != ReplicaState::kStopping && HasProcess(state_)) {
    Say(ReplicaState::kPending, reason::kAdopted);
    WakeAt(in_.now);
  }
  const std::string state(ReplicaStateName(state_));
  if (book_.state != state) {
    if (state_ == ReplicaState::kReady) Tell(reason::kReady, message_);
    if (state_ == ReplicaState::kUnhealthy) Tell(reason::kProbeFailing, message_, /*warning=*/true);
    if (state_ == ReplicaState::kStopped && reason_ == reason::kRemoved)
      Tell(reason::kRemoved, "no longer at this satellite");
    if (reason_ == reason::kStopAfterNoContact) Tell(reason_, message_, /*warning=*/true);
    book_.state = state;
    book_.since = in_.wall;
  }
  book_.reason = reason_;
  FillStatus();
}

void Stepper::ReportAsBefore() {
  state_ = ParseReplicaState(book_.state).value_or(ReplicaState::kPending);
  reason_ = book_.reason;
  FillStatus();
}

void Stepper::FillStatus() {
  out_.status.set_assignment_uid(in_.id);
  out_.status.set_gone(book_.gone);
  out_.status.set_closed_permit_id(book_.closed_permit_id);
  v1::AssignmentStatus& status = *out_.status.mutable_status();
  status.set_state(std::string(ReplicaStateName(state_)));
  status.set_reason(reason_);
  status.set_message(message_);
  // What runs, or what the next start would run.
  status.set_entry_sha256(in_.seen.has_value() ? in_.seen->sha256 : book_.current);
  if (IsRunning()) status.set_pid(in_.seen->pid);
  status.set_restarts(book_.restarts);
  *status.mutable_since() = ToTimestamp(book_.since);
  status.set_exit(book_.last_exit);
  status.set_on_previous(book_.on_previous);
}

StepResult Step(const StepInput& input) {
  return Stepper(input).Run();
}

}  // namespace perigee::satellite
