#include "absl/strings/str_cat.h"
#include "satellite/reconciler/stepper.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"

namespace perigee::satellite {
namespace {

constexpr absl::Duration kStopAgainAfter = absl::Seconds(5);  // beyond the grace, the stop is asked again
constexpr absl::Duration kLeaseStep = absl::Seconds(1);       // smaller extensions are not worth a call

}  // namespace

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
  if (!something || book_.unnamed) {
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

}  // namespace perigee::satellite
