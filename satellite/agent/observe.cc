#include "satellite/agent/observe.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "shared/resource/reasons.h"

namespace perigee::satellite {
namespace {

std::string_view ReasonOfExit(const Observed& observed) {
  if (observed.oom) return reason::kOutOfMemory;
  switch (observed.exit->kind) {
    case Exit::Kind::kNotStarted:
      if (observed.exit->number == ENOENT) return reason::kProgramNotFound;
      if (observed.exit->number == EACCES || observed.exit->number == ENOEXEC)
        return reason::kProgramNotExecutable;
      return reason::kStartFailed;
    case Exit::Kind::kLost:
      return reason::kProcessLost;
    case Exit::Kind::kCode:
    case Exit::Kind::kSignal:
      return "";
  }
  return "";
}

}  // namespace

SeenReplica SeenOf(const Observed& observed) {
  SeenReplica seen;
  seen.running = observed.phase != Phase::kExited;
  seen.sha256 = observed.entry_sha256;
  // A process that has not begun is not yet a run that can be ready.
  seen.run = observed.phase == Phase::kStarting ? "" : observed.run;
  seen.pid = observed.pid;
  seen.lease_expired = observed.lease_expired;
  if (!seen.running && observed.exit.has_value()) {
    seen.exit = Describe(*observed.exit);
    seen.exit_reason = std::string(ReasonOfExit(observed));
  }
  if (!seen.running && seen.run.empty())
    seen.run = absl::StrCat("unknown at ", absl::ToUnixNanos(observed.exited_at));
  return seen;
}

StartFailure FailureOf(const absl::Status& status) {
  StartFailure failure{.reason = std::string(reason::kStartFailed), .message = std::string(status.message())};
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) {
    failure.reason = std::string(reason::kLauncherDown);
    failure.counts = false;
  } else if (absl::IsAlreadyExists(status)) {
    failure.counts = false;
  } else if (absl::IsInvalidArgument(status)) {
    failure.reason = std::string(reason::kEntryRefused);
  }
  return failure;
}

}  // namespace perigee::satellite
