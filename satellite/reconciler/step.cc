#include "satellite/reconciler/step.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shared/resource/quantity.h"
#include "shared/resource/reasons.h"
#include "shared/resource/replica_state.h"
#include "shared/session/moment.h"

namespace perigee::satellite {
namespace {

constexpr int kCrashLoopAfter = 3;                            // ends in a row
constexpr absl::Duration kStopAgainAfter = absl::Seconds(5);  // beyond the grace, the stop is asked again
constexpr absl::Duration kRetryAfter = absl::Seconds(1);  // of what failed through no fault of the replica
constexpr absl::Duration kLeaseStep = absl::Seconds(1);   // smaller extensions are not worth a call

class Stepper {
 public:
  explicit Stepper(const StepInput& in) : in_(in), book_(out_.book) { book_ = in.book; }

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
  Tell(reason, absl::StrCat(book_.last_exit, "; the next start waits ", perigee::FormatDuration(wait)),
       /*warning=*/true);
}

// ---- What should run.

const Leave* Stepper::LeaveToRemove() const {
  for (const Leave& leave : in_.leaves) {
    if (leave.action == "remove" || leave.action == "drain" || leave.action == "move") return &leave;
  }
  return nullptr;
}

const Leave* Stepper::LeaveToReplace() const {
  for (const Leave& leave : in_.leaves) {
    const bool spent = in_.wanted->sha256 == book_.rejected && leave.id == book_.rejected_permit_id;
    if (leave.action == "replace" && leave.to_sha256 == in_.wanted->sha256 && !spent) return &leave;
  }
  return nullptr;
}

void Stepper::Choose() {
  if (!in_.wanted.has_value()) {
    hands_off_ = !in_.applied;
    remove_ = in_.applied;
    return;
  }
  if (LeaveToRemove() != nullptr) {
    remove_ = true;
    return;
  }
  book_.gone = false;
  if (book_.current.empty() && IsRunning()) book_.current = in_.seen->sha256;  // found running, unknown: kept
  if (!in_.wanted->lacking.empty()) {
    note_reason_ = reason::kAgentTooOld;
    note_message_ = absl::StrCat("this agent lacks ", absl::StrJoin(in_.wanted->lacking, ", "),
                                 ", which the new entry needs; upgrade perigee-satellite on this host");
    return;
  }
  if (book_.current.empty()) book_.current = in_.wanted->sha256;
  // What it ran from is no longer at hand and nothing runs: there is nothing left to protect.
  if (!in_.seen.has_value() && !in_.policies.contains(book_.current)) book_.current = in_.wanted->sha256;
  // What is wanted runs, whatever was decided before: there is nothing to replace.
  if (IsRunning() && in_.seen->sha256 == in_.wanted->sha256 && book_.rejected != in_.wanted->sha256) {
    book_.current = in_.wanted->sha256;
    if (book_.previous == book_.current) book_.previous.clear();
  }
  if (book_.current == in_.wanted->sha256) {
    book_.on_previous = false;
    book_.rejected.clear();
    return;
  }
  if (const Leave* leave = LeaveToReplace(); leave != nullptr) {
    Replace(*leave);
    return;
  }
  if (book_.on_previous && in_.wanted->sha256 == book_.rejected) {
    note_reason_ = reason::kOnPrevious;
    note_message_ =
        "the new revision was not Ready within its deadline while the control plane was out of reach";
    return;
  }
  note_reason_ = reason::kWaitingForPermit;
  note_message_ = "a new entry is here; it takes over under a permit of the control plane";
}

void Stepper::Replace(const Leave& leave) {
  // What is still on trial is not worth going back to; what it was to replace is.
  std::string previous = book_.previous.empty() ? book_.current : book_.previous;
  if (previous == in_.wanted->sha256) previous.clear();
  book_.previous = std::move(previous);
  book_.current = in_.wanted->sha256;
  book_.permit_id = leave.id;
  book_.on_previous = false;
  book_.rejected.clear();
  book_.rejected_permit_id.clear();
  book_.replaced_at = in_.now;
  book_.ready_once = false;
  book_.ready_since = kZero;
  book_.not_before = kZero;
  book_.backoff_attempt = 0;
  book_.restarts = 0;
  Tell(reason::kReplaced, absl::StrCat("the new entry ", book_.current.substr(0, 12), " takes over"));
}

void Stepper::JudgeTrial() {
  if (hands_off_ || remove_) return;
  if (!IsReady()) {
    book_.ready_since = kZero;
  } else if (book_.ready_since == kZero) {
    book_.ready_since = in_.now;
    book_.ready_once = true;
  }
  if (book_.previous.empty()) {
    book_.replaced_at = kZero;
    return;
  }
  if (book_.replaced_at == kZero) book_.replaced_at = in_.now;  // another boot: the trial begins anew
  const ReplicaPolicy policy = PolicyFor(book_.current);
  if (book_.ready_since != kZero && in_.now - book_.ready_since >= policy.soak) {
    book_.previous.clear();
    book_.replaced_at = kZero;
    return;
  }
  if (book_.ready_since != kZero) {
    WakeAt(book_.ready_since + policy.soak);
    return;
  }
  // One that becomes Ready and falls again has its soak on top, but not for ever.
  const absl::Duration judged_at =
      book_.replaced_at + policy.deadline + (book_.ready_once ? policy.soak : kZero);
  if (in_.now < judged_at) {
    WakeAt(judged_at);
  } else if (!in_.connected) {
    ReturnToPrevious();
  }
}

void Stepper::ReturnToPrevious() {
  book_.rejected = book_.current;
  book_.rejected_permit_id = book_.permit_id;
  book_.current = book_.previous;
  book_.previous.clear();
  book_.on_previous = true;
  book_.replaced_at = kZero;
  book_.ready_once = false;
  book_.not_before = kZero;
  book_.backoff_attempt = 0;
  note_reason_ = reason::kOnPrevious;
  note_message_ =
      "the new revision was not Ready within its deadline while the control plane was out of reach";
  Tell(reason::kOnPrevious,
       absl::StrCat("returned to ", book_.current.substr(0, 12), ": ", book_.rejected.substr(0, 12),
                    " was not Ready within its deadline and the control plane is out of reach"),
       /*warning=*/true);
}

void Stepper::ClosePermits() {
  if (remove_) return;
  bool still_there = false;
  for (const Leave& leave : in_.leaves) {
    still_there |= leave.id == book_.closed_permit_id;
    const bool done = leave.action == "replace" &&
                      (leave.to_sha256 == book_.current || leave.id == book_.rejected_permit_id);
    if (done && IsReady()) {
      book_.closed_permit_id = leave.id;
      still_there = true;
    }
  }
  if (!still_there) book_.closed_permit_id.clear();
}

// ---- What is there.

void Stepper::MeetRun() {
  const SeenReplica& seen = *in_.seen;
  if (in_.adopting && book_.stop_asked_at != kZero) {
    book_.stop_asked_at = kZero;  // whether the stop was carried out is not known: decide again
    book_.stop_reason.clear();
  }
  if (seen.run.empty()) return;
  const bool met = book_.run == seen.run;
  if (!met) {
    book_.run = seen.run;
    book_.run_ended = false;
    if (book_.started_at == kZero) book_.started_at = in_.now;
  }
  if (in_.adopting) {
    Tell(reason::kAdopted, absl::StrCat("process ", seen.pid, " goes on under this agent"));
  } else if (!met) {
    Tell(reason::kStarted, absl::StrCat("process ", seen.pid));
  }
}

std::string_view Stepper::StopReason() const {
  if (hands_off_) return "";
  if (remove_) return reason::kRemoved;
  if (in_.seen->sha256 != book_.current) return book_.on_previous ? reason::kOnPrevious : reason::kReplaced;
  if (book_.restart_asked) return reason::kRestartRequested;
  if (!in_.seen->health.alive) return reason::kLivenessFailed;
  return "";
}

void Stepper::StopFor(std::string_view why) {
  const absl::Duration patience = PolicyFor(in_.seen->sha256).grace + kStopAgainAfter;
  if (book_.stop_asked_at != kZero && in_.now < book_.stop_asked_at + patience) {
    WakeAt(book_.stop_asked_at + patience);
    return;
  }
  if (why.empty()) {  // decided otherwise since, and it still lives
    book_.stop_asked_at = kZero;
    book_.stop_reason.clear();
    return;
  }
  book_.stop_asked_at = in_.now;
  book_.stop_reason = std::string(why);
  book_.ready_since = kZero;
  WakeAt(in_.now + patience);
  Act(ReplicaAction::Kind::kStop);
}

void Stepper::ExtendLease() {
  const ReplicaPolicy policy = PolicyFor(in_.seen->sha256);
  if (!policy.stop_after.has_value() || !in_.last_answer.has_value() || in_.seen->run.empty()) return;
  const absl::Duration end = LeaseEnd(policy);
  if (end <= in_.now || end < in_.seen->lease + std::max(kLeaseStep, *policy.stop_after / 20)) return;
  Act(ReplicaAction::Kind::kExtendLease);
  out_.action->lease = end;
}

void Stepper::OnRunning() {
  MeetRun();
  const std::string_view why = StopReason();
  if (!why.empty() || book_.stop_asked_at != kZero) StopFor(why);
  if (book_.stop_asked_at != kZero) {
    Say(ReplicaState::kStopping, book_.stop_reason, in_.seen->health.alive ? "" : in_.seen->health.message);
    return;
  }
  if (!hands_off_) ExtendLease();
  const absl::Duration stable_at = book_.started_at + PolicyFor(book_.current).StableAfter();
  if (book_.backoff_attempt > 0 && in_.now >= stable_at) book_.backoff_attempt = 0;
  if (book_.backoff_attempt > 0) WakeAt(stable_at);
  SayRunning();
}

void Stepper::SayRunning() {
  const HealthView& health = in_.seen->health;
  if (in_.seen->run.empty() || !health.started) {
    Say(ReplicaState::kStarting, reason::kStarting, health.message);
  } else if (health.ready) {
    Say(ReplicaState::kReady, reason::kReady);
  } else if (book_.state == ReplicaStateName(ReplicaState::kReady) ||
             book_.state == ReplicaStateName(ReplicaState::kUnhealthy)) {
    Say(ReplicaState::kUnhealthy, reason::kProbeFailing, health.message);
  } else {
    Say(ReplicaState::kRunning, reason::kWaitingForReadiness, health.message);
  }
  if (!note_reason_.empty()) {
    reason_ = note_reason_;
    message_ = message_.empty() ? note_message_ : absl::StrCat(message_, "; ", note_message_);
  }
}

void Stepper::OnExited() {
  if (hands_off_) {
    Say(ReplicaState::kStopped, book_.exit_reason, "ended, and no entries are known to start it again from");
    return;
  }
  Act(ReplicaAction::Kind::kRemove);
  if (remove_) {
    const bool was_there = CanTransition(StateBefore(), ReplicaState::kStopping);
    Say(was_there ? ReplicaState::kStopping : StateBefore(), reason::kRemoved);
  } else if (MayStart()) {
    Say(ReplicaState::kPending, reason::kStarting);
  }
}

ReplicaState Stepper::StateBefore() const {
  return ParseReplicaState(book_.state).value_or(ReplicaState::kPending);
}

void Stepper::OnAbsent() {
  if (remove_) {
    BecomeGone();
    return;
  }
  if (hands_off_) {
    out_.known = false;
    return;
  }
  if (!MayStart()) return;
  if (StateBefore() != ReplicaState::kStarting && !CanTransition(StateBefore(), ReplicaState::kStarting)) {
    Say(ReplicaState::kPending, reason::kStarting);  // its end has not been said yet
    WakeAt(in_.now);
    return;
  }
  StartNow();
}

// Otherwise says what it waits for.
bool Stepper::MayStart() {
  if (book_.current.empty()) {
    Say(ReplicaState::kPending, note_reason_, note_message_);
    return false;
  }
  if (!in_.policies.contains(book_.current)) {
    Say(ReplicaState::kPending, reason::kStartFailed, "the entry it ran from is no longer at hand");
    return false;
  }
  const absl::Duration lease_end = LeaseEnd(PolicyFor(book_.current));
  if (lease_end <= in_.now) {
    Say(ReplicaState::kStopped, reason::kStopAfterNoContact,
        in_.last_answer.has_value() ? "no answer from the control plane for longer than stopAfter"
                                    : "no answer from the control plane since this host has started");
    return false;
  }
  if (in_.now < book_.not_before && !book_.restart_asked) {
    WakeAt(book_.not_before);
    Say(ReplicaState::kBackoff, book_.exit_reason,
        absl::StrCat(book_.last_exit, "; ended ", book_.backoff_attempt, " times in a row"));
    return false;
  }
  return true;
}

void Stepper::StartNow() {
  if (book_.restart_asked) {
    book_.restart_asked = false;
    book_.backoff_attempt = 0;
    Tell(reason::kRestartRequested, "asked for at the site");
  }
  book_.run.clear();
  book_.run_ended = false;
  book_.started_at = in_.now;
  book_.ready_since = kZero;
  book_.stop_asked_at = kZero;
  book_.stop_reason.clear();
  Act(ReplicaAction::Kind::kStart);
  out_.action->sha256 = book_.current;
  if (const absl::Duration end = LeaseEnd(PolicyFor(book_.current)); end != absl::InfiniteDuration()) {
    out_.action->lease = end;
  }
  Say(ReplicaState::kStarting, reason::kStarting);
}

void Stepper::BecomeGone() {
  const Leave* leave = LeaveToRemove();
  const bool something = !book_.current.empty() || book_.gone || leave != nullptr;
  if (!something) {
    out_.known = false;
    return;
  }
  ReplicaBook gone;
  gone.id = book_.id;
  gone.boot_id = book_.boot_id;
  gone.gone = true;
  gone.closed_permit_id = leave != nullptr                 ? leave->id
                          : book_.closed_permit_id.empty() ? book_.permit_id
                                                           : book_.closed_permit_id;
  gone.permit_id = gone.closed_permit_id;
  gone.last_exit = book_.last_exit;
  gone.state = book_.state;
  gone.reason = book_.reason;
  gone.since = book_.since;
  book_ = std::move(gone);
  Say(ReplicaState::kStopped, reason::kRemoved);
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
  } else if (state_ == ReplicaState::kBackoff && StateBefore() != state_ && !CanTransition(StateBefore(), state_)) {
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

}  // namespace

StepResult Step(const StepInput& input) {
  return Stepper(input).Run();
}

}  // namespace perigee::satellite
