#include "satellite/launcher/replica_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "satellite/shim/fields.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/base/unix_socket.h"

namespace perigee::satellite {
namespace {

constexpr char kFootingFile[] = "replica";
constexpr uint32_t kFileMode = 0600;

absl::StatusOr<Record> ReadRecord(const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits::kLocalPacketBytes));
  auto record = DecodeRecord(bytes);
  if (!record.ok()) return Annotate(record.status(), path);
  return record;
}

}  // namespace

absl::Status ReplicaDirectory::Make() const {
  if (mkdir(path_.c_str(), 0700) != 0) return ErrnoStatus(errno, absl::StrCat("making ", path_));
  const std::string mounts = File(kMountDirectory);
  if (mkdir(mounts.c_str(), 0700) != 0) return ErrnoStatus(errno, absl::StrCat("making ", mounts));
  return absl::OkStatus();
}

absl::Status ReplicaDirectory::WriteFooting(const Footing& footing) const {
  Record record;
  record["id"] = footing.id;
  record["entry_sha256"] = footing.entry_sha256;
  record["boot_id"] = footing.boot_id;
  PutNumber(record, "uid", footing.uid);
  PutList(record, "cgroups", footing.cgroups.directories);
  record["oom_file"] = footing.cgroups.oom_file;
  PutNumber(record, "memory_bytes", footing.limits.memory_bytes);
  PutNumber(record, "cpu_millis", footing.limits.cpu_millis);
  PutNumber(record, "pids", footing.limits.pids);
  PutList(record, "missing", footing.missing);
  return WriteRuntimeFile(File(kFootingFile), EncodeRecord(record), kFileMode);
}

absl::StatusOr<Footing> ReplicaDirectory::ReadFooting() const {
  PERIGEE_ASSIGN_OR_RETURN(const Record record, ReadRecord(File(kFootingFile)));
  Footing footing;
  footing.id = TextField(record, "id");
  footing.entry_sha256 = TextField(record, "entry_sha256");
  footing.boot_id = TextField(record, "boot_id");
  PERIGEE_ASSIGN_OR_RETURN(footing.uid, NumberField(record, "uid", -1));
  PERIGEE_ASSIGN_OR_RETURN(footing.cgroups.directories, ListField(record, "cgroups"));
  footing.cgroups.oom_file = TextField(record, "oom_file");
  PERIGEE_ASSIGN_OR_RETURN(footing.limits.memory_bytes, NumberField(record, "memory_bytes", 0));
  PERIGEE_ASSIGN_OR_RETURN(footing.limits.cpu_millis, NumberField(record, "cpu_millis", 0));
  PERIGEE_ASSIGN_OR_RETURN(footing.limits.pids, NumberField(record, "pids", 0));
  PERIGEE_ASSIGN_OR_RETURN(footing.missing, ListField(record, "missing"));
  return footing;
}

absl::Status ReplicaDirectory::WriteSpec(const Record& public_half) const {
  return WriteRuntimeFile(File(kSpecFile), EncodeRecord(public_half), kFileMode);
}

absl::Status ReplicaDirectory::WriteState(const State& state) const {
  return WriteRuntimeFile(File(kStateFile), EncodeRecord(EncodeState(state)), kFileMode);
}

absl::StatusOr<State> ReplicaDirectory::ReadState() const {
  PERIGEE_ASSIGN_OR_RETURN(const Record record, ReadRecord(File(kStateFile)));
  return DecodeState(record);
}

absl::StatusOr<Fd> ReplicaDirectory::TakeLock() const {
  Fd lock(open(File(kLockFile).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!lock.valid()) return ErrnoStatus(errno, absl::StrCat("opening ", File(kLockFile)));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return absl::UnavailableError("a shim holds this replica");
  return ErrnoStatus(errno, absl::StrCat("locking ", File(kLockFile)));
}

Liveness ReplicaDirectory::ShimByLock() const {
  const absl::Status taken = TakeLock().status();
  if (absl::IsUnavailable(taken)) return Liveness::kAlive;
  // Where there is no directory there is no shim.
  return taken.ok() || absl::IsNotFound(taken) ? Liveness::kGone : Liveness::kUnknown;
}

absl::StatusOr<Fd> ReplicaDirectory::BeginAsking(const Record& request, absl::Duration timeout) const {
  auto socket = ConnectUnix(File(kControlSocket));
  if (!socket.ok())
    return absl::UnavailableError(
        absl::StrCat("the replica's shim is not there: ", socket.status().message()));
  PERIGEE_RETURN_IF_ERROR(SendPacket(socket->get(), EncodeRecord(request), timeout));
  return socket;
}

}  // namespace perigee::satellite
