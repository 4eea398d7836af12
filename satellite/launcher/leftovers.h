// Ending what is left of replicas whose shim is gone or does not answer.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "satellite/launcher/cgroups.h"
#include "shared/base/process.h"

namespace perigee::satellite {

// SIGKILL to all in the cgroups and in the child's session, until none is left. DEADLINE_EXCEEDED
// when the kernel does not let one go. The child's identity keeps a reused number from being hit.
absl::Status EndLeftovers(const CgroupPlan& cgroups, const ProcessIdentity& child, absl::Duration timeout);
// Waits for the processes to end. False after `timeout`, and when that cannot be seen.
bool AwaitEnds(const std::vector<ProcessIdentity>& processes, absl::Duration timeout);
// The live shim of a replica directory, when its identity was never written down; pid 0: none.
ProcessIdentity FindShim(const std::string& directory);

}  // namespace perigee::satellite
