#include "control-plane/server/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "shared/base/failpoint.h"
#include "shared/base/status.h"

namespace perigee::control {

absl::StatusOr<DataDir> DataDir::Open(const std::string& path) {
  PERIGEE_RETURN_IF_ERROR(Annotate(EnsureDirectory(path, 0700), "making the data directory"));
  const std::string file = path + "/lock";
  Fd lock(open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return ErrnoStatus(errno, "opening " + file);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "locking " + file);
    return absl::FailedPreconditionError(
        absl::StrCat("Another control plane runs on ", path, ". Stop it first, or give another --data-dir."));
  }
  DataDir dir(path, std::move(lock));
  PERIGEE_RETURN_IF_ERROR(dir.RemoveEndpoints());
  return dir;
}

absl::Status DataDir::WriteEndpoints(const Endpoints& endpoints) const {
  const nlohmann::json json = {
      {"https", endpoints.https}, {"grpc", endpoints.grpc}, {"caHash", endpoints.ca_hash}};
  PERIGEE_FAILPOINT("server.endpoints.before_write");
  return Annotate(WriteFileAtomically(File("endpoints.json"), json.dump(2) + "\n", 0644),
                  "writing the endpoints");
}

absl::Status DataDir::RemoveEndpoints() const {
  return Annotate(RemoveFile(File("endpoints.json")), "removing the endpoints of the last start");
}

}  // namespace perigee::control
