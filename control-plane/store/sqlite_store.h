// The embedded store: one SQLite file, WAL, synchronous=FULL, one writer thread
// ("store") with group commit.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "control-plane/store/store.h"
#include "shared/base/clock.h"

namespace perigee::control {

// Makes the file (0600) when missing. One process at a time: UNAVAILABLE when another holds it.
// A failed fsync aborts the process: only durable state is to be trusted after it.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path,
                                                                     const Clock& clock);

}  // namespace perigee::control
