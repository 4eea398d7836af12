// The data directory: of one process at a time, and of its owner only.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "shared/base/files.h"

namespace perigee::control {

struct Endpoints {
  std::string https;    // "https://HOST:PORT"
  std::string grpc;     // "HOST:PORT"
  std::string ca_hash;  // "sha256:HEX"
};

class DataDir {
 public:
  // Makes it (0700) when missing. FAILED_PRECONDITION when another control plane runs on it; the lock is held
  // until this object goes. Removes endpoints.json: this start is not ready yet.
  [[nodiscard]] static absl::StatusOr<DataDir> Open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Says that this start is ready.
  [[nodiscard]] absl::Status WriteEndpoints(const Endpoints& endpoints) const;
  [[nodiscard]] absl::Status RemoveEndpoints() const;

 private:
  DataDir(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  Fd lock_;
};

}  // namespace perigee::control
