// What is stored for one satellite, as a session sends it.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "control-plane/store/store.h"
#include "shared/session/delta.h"

namespace perigee::control {

// All entries of one sequence, unsigned; sequence 0 when nothing was ever stored. DATA_LOSS when they do not add up to
// their root: then nothing must be sent.
[[nodiscard]] absl::StatusOr<DesiredEntries> LoadDesired(Store& store, std::string_view satellite_uid);

}  // namespace perigee::control
