// The thin part with I/O: snapshot, decide, commit. Each pass may be cut off
// anywhere and run again. One thread.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "control-plane/controllers/decide_workload.h"
#include "control-plane/controllers/entry_cache.h"
#include "control-plane/controllers/parts.h"

namespace perigee::control {

// One workload: revision, assignments, permits, status. Adds to `satellites` those whose entries may be due. When it
// returns, the model holds what was committed.
[[nodiscard]] absl::Status RunWorkloadPass(const ControllerParts& parts, EntryCache& entries,
                                           const std::string& uid, std::set<std::string>& satellites);

// The entries of these satellites. `again` gets those that failed, or are due more than was stored at once;
// `workloads` those about whose replicas there is something else to say than before.
[[nodiscard]] absl::Status RunEntryPass(const ControllerParts& parts, EntryCache& entries,
                                        const std::set<std::string>& satellites, std::set<std::string>& again,
                                        std::set<std::string>& workloads);

[[nodiscard]] absl::Status RunSitePass(const ControllerParts& parts, const std::set<std::string>& sites);
[[nodiscard]] absl::Status RunHousekeepingPass(const ControllerParts& parts);

// Commits in batches, each compared with what was read.
[[nodiscard]] absl::Status CommitChanges(const ControllerParts& parts,
                                         const std::vector<PlannedChange>& changes);

}  // namespace perigee::control
