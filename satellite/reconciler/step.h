// The reconciler's decision about one replica: what to do next, and what is so.
// Pure: no clock, no I/O. The caller persists `book` and `events` first, then
// carries out `action`, then asks again.
//
// Invariants (tests/property/satellite/reconciler): a healthy replica whose entry
// is unchanged is never stopped; nothing is replaced without a permit for exactly
// the new digest; nothing is started while something of that id is there; what
// cannot be seen is not acted upon. An entry that a signed set of the centre no
// longer has IS the leave to remove the replica.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "satellite/health/view.h"
#include "satellite/reconciler/policy.h"
#include "satellite/state/replica_book.h"

namespace perigee::satellite {

// A replica entry as the centre last signed it.
struct WantedReplica {
  std::string sha256;                // hex
  std::vector<std::string> lacking;  // features that this agent does not have
  bool damaged = false;              // its bytes on disk are not what was signed: wanted, but of no use
};

// Leave to disturb: a v1::Permit entry.
struct Leave {
  std::string id;
  std::string action;  // "replace", "remove", "drain", "move"
  std::string to_sha256;
};

// What the runtime says.
struct SeenReplica {
  bool running = false;
  std::string sha256;  // of the entry it was started from
  std::string run;     // identity of this run
  int64_t pid = 0;
  std::string exit;         // "code 1", "signal 9"; when not running
  std::string exit_reason;  // word, where the runtime knows better than Exited (OutOfMemory, ProgramNotFound)
  bool lease_expired = false;
  // CLOCK_BOOTTIME at which it stops by itself, as this agent last set it; zero: not known, or none.
  absl::Duration lease = absl::ZeroDuration();
  HealthView health;
};

// A start that failed since the last step.
struct StartFailure {
  std::string reason;
  std::string message;
  bool counts = true;  // false: no fault of the replica (the launcher is down), the wait does not grow
};

struct StepInput {
  std::string id;
  absl::Duration now;  // CLOCK_BOOTTIME, above zero
  absl::Time wall;
  bool applied = false;    // a set of entries was ever applied; before, nothing is removed
  bool connected = false;  // the centre is within reach
  bool adopting = false;   // first step after the agent's start
  bool busy = false;       // an action of this replica is under way: nothing is decided meanwhile
  // CLOCK_BOOTTIME at the sending of the last heartbeat that was answered on this boot.
  std::optional<absl::Duration> last_answer;
  std::optional<WantedReplica> wanted;
  std::vector<Leave> leaves;  // for this replica
  std::optional<SeenReplica> seen;
  std::optional<StartFailure> failure;
  ReplicaBook book;  // of this boot; only `id` set when there is none
  // Digest (hex) -> policy of every version of this replica's entry that is at hand.
  std::map<std::string, ReplicaPolicy> policies;
};

struct ReplicaAction {
  enum class Kind { kStart, kStop, kRemove, kExtendLease };
  Kind kind = Kind::kStart;
  std::string id;
  std::string sha256;                   // start: the entry
  std::optional<absl::Duration> lease;  // start, extend: CLOCK_BOOTTIME
  bool operator==(const ReplicaAction&) const = default;
};

struct ReplicaEvent {
  std::string reason;
  std::string message;
  bool warning = false;
};

struct StepResult {
  ReplicaBook book;
  bool known = true;  // false: nothing of this replica is left to be remembered or said
  std::optional<ReplicaAction> action;
  std::vector<ReplicaEvent> events;
  v1::ReplicaStatus status;
  absl::Duration wake = absl::InfiniteDuration();  // step again at this CLOCK_BOOTTIME at the latest
};

StepResult Step(const StepInput& input);

}  // namespace perigee::satellite
