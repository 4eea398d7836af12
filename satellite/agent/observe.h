// What the runtime says about a replica, in the reconciler's words. Pure.
#pragma once

#include "satellite/reconciler/step.h"
#include "satellite/runtime/runtime.h"

namespace perigee::satellite {

// Health and lease are the caller's to fill in.
SeenReplica SeenOf(const Observed& observed);
// What a call that failed means for the replica.
StartFailure FailureOf(const absl::Status& status);

}  // namespace perigee::satellite
