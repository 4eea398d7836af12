// The states of a replica and the moves between them, in one table, for the
// satellite, the control plane and everything that prints them.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace perigee {

enum class ReplicaState {
  kPending,    // wanted; something it needs is missing, or its turn has not come
  kFetching,   // what it runs from is being brought
  kStarting,   // the process runs; not yet seen ready
  kRunning,    // the process runs; startup probe passed, readiness not yet
  kReady,      // readiness passed, or there is no readiness probe
  kUnhealthy,  // was ready or running; a probe fails
  kBackoff,    // ended; waits before the next start
  kStopping,   // asked to end, within its grace
  kStopped,    // ended because it was asked to
  kSucceeded,  // a task that ended with code 0
  kFailed,     // will not be started again by itself
};

std::string_view ReplicaStateName(ReplicaState state);
std::optional<ReplicaState> ParseReplicaState(std::string_view name);
std::span<const ReplicaState> AllReplicaStates();
// A state may always be reported again; that is not a move and not in the table.
bool CanTransition(ReplicaState from, ReplicaState to);
// Whether a process of it lives.
bool HasProcess(ReplicaState state);

}  // namespace perigee
