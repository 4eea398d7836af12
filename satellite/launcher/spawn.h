// Starting a shim so that it outlives its starter: no child of the launcher, in a
// session of its own, with no pipe of ours.
#pragma once

#include <sys/resource.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "shared/base/process.h"

namespace perigee::satellite {

struct ShimStart {
  std::string program;
  std::string directory;              // the replica's
  std::string private_half;           // a Record's bytes, handed over in memory
  int lock = -1;                      // holds the directory's lock; the shim's from then on
  std::optional<rlim_t> descriptors;  // its soft limit of open files; else ours
};

// The shim's identity; whether it gets anywhere is seen in its state.
absl::StatusOr<ProcessIdentity> SpawnShim(const ShimStart& start);

}  // namespace perigee::satellite
