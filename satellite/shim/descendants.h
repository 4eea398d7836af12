// Ending everything that a run started: all processes below this one (which is
// their subreaper, so none escapes by being orphaned) and all in its cgroups.
#pragma once

#include <string>
#include <vector>

#include "shared/base/process.h"

namespace perigee::satellite {

// The children of process `root`, theirs, and so on, at this moment.
std::vector<ProcessIdentity> DescendantsOf(pid_t root);
// Those whose session is `session`, at this moment.
std::vector<ProcessIdentity> MembersOfSession(pid_t session);
// Those listed in the directory's cgroup.procs; none when it is gone.
std::vector<ProcessIdentity> MembersOfCgroup(const std::string& directory);
// SIGKILL to exactly these.
void KillAll(const std::vector<ProcessIdentity>& processes);
// Kills a cgroup as a whole where the kernel can (cgroup.kill), else each member.
void KillCgroup(const std::string& directory);

}  // namespace perigee::satellite
