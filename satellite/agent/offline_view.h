// What is known at the site while no agent runs: identity, entries and bookkeeping as they were written last.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "satellite/agent/local_view.h"

namespace perigee::satellite {

absl::StatusOr<LocalView> ReadOfflineView(const std::string& data_dir);

}  // namespace perigee::satellite
