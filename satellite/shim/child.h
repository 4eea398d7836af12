// The process of a run, from fork to exec. Between the two it waits until its
// identity has been written down, so that no program ever runs unrecorded.
//
//   PERIGEE_ASSIGN_OR_RETURN(Child child, ForkChild(spec, directory));
//   ... write child.identity into the state ...
//   absl::StatusOr<std::optional<Exit>> failed = LetExec(child);
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "satellite/shim/protocol.h"
#include "shared/base/files.h"
#include "shared/base/process.h"

namespace perigee::satellite {

struct Child {
  ProcessIdentity identity;
  Fd out;  // reading ends, non-blocking
  Fd err;
  Fd go;       // closing or writing lets it go on
  Fd verdict;  // ends without a byte when the program runs
};

absl::StatusOr<Child> ForkChild(const Spec& spec, const std::string& directory);
// Nothing when the program runs; else why it does not (Exit::Kind::kNotStarted).
std::optional<Exit> LetExec(Child& child);

// A command beside a run that goes on: prepared as the run's own process was, but in the run's namespaces instead of
// new ones. It leads a session and a process group, and dies with the shim.
struct Companion {
  pid_t pid = 0;
  Fd verdict;  // non-blocking; holds bytes once it has ended without having run
};
// `run`: the run's process, not yet waited for. FAILED_PRECONDITION when it has just exited.
absl::StatusOr<Companion> ForkCompanion(const Spec& spec, const std::string& directory,
                                        const ExecRequest& request, pid_t run);
// After its end: why its program could not be run; nothing when it ran.
std::optional<Exit> WhyNotRun(const Companion& companion);

}  // namespace perigee::satellite
