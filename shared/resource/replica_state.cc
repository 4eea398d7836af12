#include "shared/resource/replica_state.h"

#include <algorithm>
#include <array>

namespace perigee {
namespace {

using enum ReplicaState;

struct Name {
  ReplicaState state;
  std::string_view name;
};
constexpr auto kNames = std::to_array<Name>({
    {kPending, "Pending"},
    {kFetching, "Fetching"},
    {kStarting, "Starting"},
    {kRunning, "Running"},
    {kReady, "Ready"},
    {kUnhealthy, "Unhealthy"},
    {kBackoff, "Backoff"},
    {kStopping, "Stopping"},
    {kStopped, "Stopped"},
    {kSucceeded, "Succeeded"},
    {kFailed, "Failed"},
});
constexpr auto kStates =
    std::to_array<ReplicaState>({kPending, kFetching, kStarting, kRunning, kReady, kUnhealthy, kBackoff,
                                 kStopping, kStopped, kSucceeded, kFailed});

struct Move {
  ReplicaState from;
  ReplicaState to;
};
constexpr auto kMoves = std::to_array<Move>({
    {kPending, kFetching},     // all it needs is known
    {kPending, kStarting},     // nothing to fetch
    {kPending, kBackoff},      // a start was refused (program missing, port taken)
    {kPending, kStopped},      // no longer wanted, or its lease has run out
    {kPending, kFailed},       // an ask this host cannot meet
    {kPending, kRunning},      // adopted
    {kPending, kReady},        // adopted
    {kPending, kUnhealthy},    // adopted
    {kPending, kStopping},     // adopted while it was ending
    {kPending, kSucceeded},    // adopted after its end
    {kFetching, kPending},     // something it needs went away
    {kFetching, kStarting},    //
    {kFetching, kBackoff},     // could not be brought
    {kFetching, kStopped},     //
    {kFetching, kFailed},      //
    {kStarting, kRunning},     // startup probe passed, or there is none
    {kStarting, kReady},       // no readiness probe, or it passed at once
    {kStarting, kUnhealthy},   // startup probe fails
    {kStarting, kBackoff},     // ended
    {kStarting, kStopping},    //
    {kStarting, kStopped},     // killed by its lease
    {kStarting, kSucceeded},   //
    {kStarting, kFailed},      //
    {kRunning, kReady},        // readiness passed
    {kRunning, kUnhealthy},    //
    {kRunning, kBackoff},      //
    {kRunning, kStopping},     //
    {kRunning, kStopped},      //
    {kRunning, kSucceeded},    //
    {kRunning, kFailed},       //
    {kReady, kUnhealthy},      // a probe fails
    {kReady, kRunning},        // adopted, readiness asked again
    {kReady, kBackoff},        //
    {kReady, kStopping},       //
    {kReady, kStopped},        //
    {kReady, kSucceeded},      //
    {kReady, kFailed},         //
    {kUnhealthy, kReady},      // the probe passes again
    {kUnhealthy, kRunning},    // the startup probe passes
    {kUnhealthy, kBackoff},    //
    {kUnhealthy, kStopping},   // liveness failed, or no longer wanted
    {kUnhealthy, kStopped},    //
    {kUnhealthy, kSucceeded},  //
    {kUnhealthy, kFailed},     //
    {kBackoff, kPending},      // something it needs is missing now
    {kBackoff, kFetching},     //
    {kBackoff, kStarting},     // the wait is over
    {kBackoff, kStopped},      //
    {kBackoff, kFailed},       //
    {kStopping, kStopped},     //
    {kStopping, kBackoff},     // stopped in order to start again
    {kStopping, kPending},     // stopped in order to start another revision
    {kStopping, kSucceeded},   // it ended with success first
    {kStopping, kFailed},      //
    {kStopped, kPending},      // wanted again
    {kStopped, kFetching},     //
    {kStopped, kStarting},     //
    {kSucceeded, kPending},    // another revision
    {kFailed, kPending},       // another revision, or a person asked
});

}  // namespace

std::string_view ReplicaStateName(ReplicaState state) {
  return kNames[static_cast<size_t>(state)].name;
}

std::optional<ReplicaState> ParseReplicaState(std::string_view name) {
  for (const Name& row : kNames) {
    if (row.name == name) return row.state;
  }
  return std::nullopt;
}

std::span<const ReplicaState> AllReplicaStates() {
  return kStates;
}

bool CanTransition(ReplicaState from, ReplicaState to) {
  return std::any_of(kMoves.begin(), kMoves.end(),
                     [&](const Move& move) { return move.from == from && move.to == to; });
}

bool HasProcess(ReplicaState state) {
  switch (state) {
    case kStarting:
    case kRunning:
    case kReady:
    case kUnhealthy:
    case kStopping:
      return true;
    case kPending:
    case kFetching:
    case kBackoff:
    case kStopped:
    case kSucceeded:
    case kFailed:
      return false;
  }
  return false;
}

}  // namespace perigee
