// The epoch of this control plane: (number, random id), raised and committed at every start, before anything is signed.
// So whatever two copies of one store do, satellites can tell them apart.
#pragma once

#include "absl/status/statusor.h"
#include "control-plane/store/store.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "shared/base/random.h"

namespace perigee::control {

// The new epoch, durable. FAILED_PRECONDITION when another control plane raised it meanwhile.
[[nodiscard]] absl::StatusOr<v1::Epoch> RaiseEpoch(Store& store, Random& random);

}  // namespace perigee::control
