#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "satellite/reconciler/stepper.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"

namespace perigee::satellite {

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
  if (!CanUseWanted()) return;
  TakeWhatNeedsNoLeave();
  if (book_.current == in_.wanted->sha256) {
    book_.on_previous = false;
    book_.rejected.clear();
  } else if (const Leave* leave = LeaveToReplace(); leave != nullptr) {
    Replace(*leave);
  } else if (book_.on_previous && in_.wanted->sha256 == book_.rejected) {
    Note(reason::kOnPrevious,
         "the new revision was not Ready within its deadline while the control plane was out of reach");
  } else {
    Note(reason::kWaitingForPermit, "a new entry is here; it takes over under a permit of the control plane");
  }
}

// Otherwise says why not; what runs is kept.
bool Stepper::CanUseWanted() {
  if (in_.wanted->damaged) {
    Note(
        reason::kEntryRefused,
        "the stored entry is damaged on this host's disk; what runs is kept, and the control plane sends the "
        "entry again when the agent next starts with the link up");
  } else if (!in_.wanted->lacking.empty()) {
    Note(reason::kAgentTooOld,
         absl::StrCat("this agent lacks ", absl::StrJoin(in_.wanted->lacking, ", "),
                      ", which the new entry needs; upgrade perigee-satellite on this host"));
  } else {
    return true;
  }
  return false;
}

// Where nothing is disturbed by it: the first entry, one that nothing runs from any more, and what runs already.
void Stepper::TakeWhatNeedsNoLeave() {
  const std::string& wanted = in_.wanted->sha256;
  if (book_.current.empty()) book_.current = wanted;
  // What it ran from is no longer at hand and nothing runs: there is nothing left to protect.
  if (!in_.seen.has_value() && !in_.policies.contains(book_.current)) book_.current = wanted;
  // What is wanted runs, whatever was decided before: there is nothing to replace.
  if (IsRunning() && in_.seen->sha256 == wanted && book_.rejected != wanted) {
    book_.current = wanted;
    if (book_.previous == book_.current) book_.previous.clear();
  }
}

void Stepper::Note(std::string_view why, std::string message) {
  note_reason_ = std::string(why);
  note_message_ = std::move(message);
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
  // A new agent has not asked yet: what was Ready is neither failed nor proven by that.
  if (IsRunning() && !in_.seen->health.known) return;
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
  Note(reason::kOnPrevious,
       "the new revision was not Ready within its deadline while the control plane was out of reach");
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

}  // namespace perigee::satellite
