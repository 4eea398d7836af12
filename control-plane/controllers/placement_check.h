// The question that admission asks about a workload: could any of the hosts that
// are there run it at all?
#pragma once

#include "control-plane/admission/policy_hook.h"
#include "control-plane/watch/model.h"

namespace perigee::control {

// `model` outlives it. For Intent::Parts::placement_check.
PlacementCheck CheckAgainst(const Model& model);

}  // namespace perigee::control
