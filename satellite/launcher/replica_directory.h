// R/replicas/<id>: what the launcher keeps about a replica, beside the shim's own
// files. `replica` is written before anything that it names is made, so that a
// launcher which dies anywhere leaves nothing that its successor cannot find.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "satellite/launcher/cgroups.h"
#include "satellite/shim/protocol.h"
#include "shared/base/files.h"

namespace perigee::satellite {

// Where and as whom a replica runs.
struct Footing {
  std::string id;
  std::string entry_sha256;
  std::string boot_id;
  int64_t uid = -1;  // -1: the launcher's own user, which is an ordinary one
  CgroupPlan cgroups;
  ResourceLimits limits;
  std::vector<std::string> missing;
};

class ReplicaDirectory {
 public:
  explicit ReplicaDirectory(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

  absl::Status Make() const;
  absl::Status WriteFooting(const Footing& footing) const;
  absl::StatusOr<Footing> ReadFooting() const;
  // The public half, for the disk. The other half goes to the shim in memory.
  absl::Status WriteSpec(const Record& public_half) const;
  absl::Status WriteState(const State& state) const;
  absl::StatusOr<State> ReadState() const;
  // An open description that holds the lock; UNAVAILABLE while a shim lives here.
  absl::StatusOr<Fd> TakeLock() const;
  // What the lock tells of the shim. It knows of one also between its fork and its first state.
  Liveness ShimByLock() const;
  // A connection on which the shim was asked, for who does not wait for the answer.
  absl::StatusOr<Fd> BeginAsking(const Record& request, absl::Duration timeout) const;

 private:
  std::string path_;
};

}  // namespace perigee::satellite
