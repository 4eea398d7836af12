#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "satellite/shim/shim.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

bool SameFile(int descriptor, const std::string& path) {
  struct stat open_file;
  struct stat named;
  return fstat(descriptor, &open_file) == 0 && stat(path.c_str(), &named) == 0 &&
         open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

// The launcher's lock if it passed one on, else one of our own.
absl::StatusOr<Fd> TakeLock(const std::string& path) {
  Fd lock;
  if (SameFile(kLockDescriptor, path)) {
    lock = Fd(fcntl(kLockDescriptor, F_DUPFD_CLOEXEC, kLockDescriptor + 1));
    close(kLockDescriptor);
  } else {
    lock = Fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  if (!lock.valid()) return ErrnoStatus(errno, absl::StrCat("opening ", path));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::AlreadyExistsError(absl::StrCat("another shim holds ", path));
  }
  return lock;
}

// What the launcher handed over in memory; nothing when standard input is something else.
absl::StatusOr<Record> ReadPrivateHalf() {
  struct stat found;
  if (fstat(STDIN_FILENO, &found) != 0 || !S_ISREG(found.st_mode) || found.st_size == 0) return Record();
  if (lseek(STDIN_FILENO, 0, SEEK_SET) != 0)
    return ErrnoStatus(errno, "reading the private half of the spec");
  PERIGEE_ASSIGN_OR_RETURN(const std::string bytes, ReadStandardInput(limits::kLocalPacketBytes));
  return DecodeRecord(bytes);
}

absl::StatusOr<Spec> ReadSpec(const std::string& directory) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string bytes,
                           ReadFile(directory + "/" + kSpecFile, limits::kLocalPacketBytes));
  PERIGEE_ASSIGN_OR_RETURN(Record record, DecodeRecord(bytes));
  PERIGEE_ASSIGN_OR_RETURN(const Record in_memory, ReadPrivateHalf());
  for (const auto& [name, value] : in_memory) record[name] = value;
  PERIGEE_ASSIGN_OR_RETURN(Spec spec, DecodeSpec(record));
  PERIGEE_RETURN_IF_ERROR(ValidateRun(spec.run));
  return spec;
}

// Nothing of whoever started us: no terminal, no directory, no descriptors.
void LetGo() {
  setsid();
  const rlimit no_core{0, 0};  // the run's secrets pass through here
  setrlimit(RLIMIT_CORE, &no_core);
  (void)!chdir("/");
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, descriptor);
  close(null);
}

absl::Status RunShim(const std::string& directory) {
  PERIGEE_ASSIGN_OR_RETURN(Fd lock, TakeLock(directory + "/" + kLockFile));
  PERIGEE_ASSIGN_OR_RETURN(Spec spec, ReadSpec(directory));
  LetGo();
  Shim shim(directory, std::move(spec), std::move(lock));
  PERIGEE_RETURN_IF_ERROR(shim.Begin());
  return shim.Loop();
}

}  // namespace

int ShimMain(const std::string& directory) {
  const absl::Status status = RunShim(directory);
  if (status.ok()) return 0;
  std::fprintf(stderr, "perigee-shim: %s: %s\n", directory.c_str(), std::string(status.message()).c_str());
  return 1;
}

}  // namespace perigee::satellite
