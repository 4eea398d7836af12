// Ending what is left of replicas whose shim is gone or does not answer.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "satellite/launcher/cgroups.h"
#include "shared/base/process.h"

namespace perigee::satellite {

// SIGKILL to all in the cgroups and in the child's session. Handles of those that have not ended by then, which the
// kernel may keep for as long as a disk or a mount is stuck; UNAVAILABLE when that cannot be seen. The child's identity
// keeps a reused number from being hit.
absl::StatusOr<std::vector<Fd>> KillLeftovers(const CgroupPlan& cgroups, const ProcessIdentity& child);
// The same, until none is left. DEADLINE_EXCEEDED when the kernel does not let one go.
absl::Status EndLeftovers(const CgroupPlan& cgroups, const ProcessIdentity& child, absl::Duration timeout);
// Waits for the processes (pidfds) to end. False after `timeout`, and when that cannot be seen.
bool AwaitEnds(const std::vector<Fd>& processes, absl::Duration timeout);
// The live shim of a replica directory, when its identity was never written down; pid 0: none.
ProcessIdentity FindShim(const std::string& directory);

}  // namespace perigee::satellite
