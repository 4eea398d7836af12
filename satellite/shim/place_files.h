// Files that a run sees at their absolute paths, without touching the host's file
// system: the nearest directory of each that the host has is overlaid, with the
// files in a tmpfs that only this mount namespace knows. A path whose first
// directory the host lacks gets a root directory made of the host's own entries.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "satellite/shim/protocol.h"

namespace perigee::satellite {

struct Placing {
  std::string scratch;  // an empty directory to mount on; unmounted again
  uid_t uid = 0;        // whose the files are
  gid_t gid = 0;
  bool user_namespace = false;
};

// Call in a mount namespace of one's own. FAILED_PRECONDITION says which path stands in the way of what.
absl::Status PlaceFiles(const std::vector<RunFile>& files, const Placing& placing);

}  // namespace perigee::satellite
