// When the replicas of a revoked satellite may be placed elsewhere. Pure.
//
// Nobody will ever report about them again, and revocation stops nothing on the host: with `onDisconnect: keep` a
// second copy beside one that may still run is what was asked for. A replica with `stopAfter` ends by itself, and
// is not given away before it has: shared/design/resources.md, stopAfter.
#pragma once

#include "absl/time/time.h"
#include "control-plane/controllers/snapshot.h"

namespace perigee::control {

// How long after the last answered heartbeat a replica of the workload may still run. Zero: no revision has stopAfter.
absl::Duration LongestLease(const WorkloadSnapshot& snapshot);

// `lease`: of the workload concerned. A null satellite is lost.
bool IsLost(const v1::Satellite* satellite, absl::Duration lease, absl::Time now);

}  // namespace perigee::control
