// The launcher's six verbs as Records over R/launcher.sock: start, signal,
// adopt, limit, remove, exec. Only the agent's user (--agent-uid) and root are heard.
// The launcher believes nothing that it is told: it validates every field again.
//
// A request holds verb=<name> and seq=<number>; its answer holds the same seq, and
// ok/code/message as in satellite/shim/protocol.h. Requests of one connection are
// answered in order, but exec when its command has ended, and remove when what it ends has ended. A packet with event=changed and no seq comes unasked when a
// replica's state has changed, and holds its Observed.
//
//   start   the fields of Run             → the fields of Observed. Equal id and entry_sha256 of a
//                                           present replica: its Observed, nothing is started.
//                                           Other entry_sha256: ALREADY_EXISTS, remove it first.
//   signal  id, signal=N | stop=1         → nothing. NOT_FOUND; FAILED_PRECONDITION when exited.
//   adopt   -                             → replicas: list of Observed records
//   limit   id, [memory_bytes, cpu_millis, pids], [lease] → nothing. What is left out stays.
//   remove  id, [force=1]                 → nothing, also when there is none. FAILED_PRECONDITION
//                                           without force while it runs. DEADLINE_EXCEEDED after a second in
//                                           which not all has ended: asked again, it goes on.
//   exec    id, the fields of ExecRequest → the fields of ExecOutcome. NOT_FOUND; FAILED_PRECONDITION
//                                           when exited; UNIMPLEMENTED when its shim is older than exec.
//
//   PERIGEE_ASSIGN_OR_RETURN(Observed now, DecodeObserved(answer));
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "satellite/shim/protocol.h"
#include "shared/base/record.h"

namespace perigee::satellite {

namespace verb {
inline constexpr char kStart[] = "start";
inline constexpr char kSignal[] = "signal";
inline constexpr char kAdopt[] = "adopt";
inline constexpr char kLimit[] = "limit";
inline constexpr char kRemove[] = "remove";
inline constexpr char kExec[] = "exec";
}  // namespace verb

// Isolation that a replica lacks on this host, as words in Observed::missing.
namespace missing {
inline constexpr char kOwnUid[] = "own-uid";            // it shares a user with others
inline constexpr char kMemoryLimit[] = "memory-limit";  // asked for, not enforced
inline constexpr char kCpuLimit[] = "cpu-limit";
inline constexpr char kPidsLimit[] = "pids-limit";
inline constexpr char kCgroup[] = "cgroup";  // no cgroup: usage unknown, strays are found by session
}  // namespace missing

// What is known of one replica on this host.
struct Observed {
  std::string id;
  std::string entry_sha256;
  pid_t pid = 0;  // of the replica's process; 0: none (yet)
  // Tells this run from every other one of the replica: a word that changes with each start. Empty: not yet known.
  std::string run;
  Phase phase = Phase::kStarting;
  std::optional<Exit> exit;  // when phase is kExited
  absl::Time started_at;     // wall clock of the host
  absl::Time exited_at;
  bool oom = false;
  bool lease_expired = false;
  uint64_t log_dropped = 0;  // bytes of output that could not be written
  std::vector<std::string> missing;
  // Usage so far; not in change events.
  std::optional<int64_t> memory_bytes;
  std::optional<int64_t> cpu_usec;
  bool operator==(const Observed&) const = default;
};
Record EncodeObserved(const Observed& observed);
absl::StatusOr<Observed> DecodeObserved(const Record& record);

// What `limit` changes; what is not set stays.
struct LimitChange {
  std::optional<ResourceLimits> limits;
  std::optional<std::optional<absl::Duration>> lease;  // a lease, or none; CLOCK_BOOTTIME
};

inline constexpr char kLauncherSocket[] = "launcher.sock";  // in the runtime directory

}  // namespace perigee::satellite
