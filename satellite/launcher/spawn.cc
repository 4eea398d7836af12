#include "satellite/launcher/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "satellite/shim/protocol.h"
#include "shared/base/files.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

// Everything that the child needs, made before the fork.
struct Prepared {
  Fd memory;
  Fd identity_read, identity_write;
  std::vector<std::string> environment;
};

absl::StatusOr<Fd> InMemory(const std::string& bytes) {
  Fd file(memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return ErrnoStatus(errno, "making a memory file for the spec");
  PERIGEE_RETURN_IF_ERROR(WriteAll(file.get(), bytes, "the memory file of the spec"));
  fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  return file;
}

[[noreturn]] void BecomeShim(const ShimStart& start, const Prepared& prepared) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int memory = fcntl(prepared.memory.get(), F_DUPFD_CLOEXEC, 16);
  const int lock = fcntl(start.lock, F_DUPFD_CLOEXEC, 16);
  dup2(memory, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  // Standard error stays until the shim has begun, for what it says when it cannot.
  dup2(lock, kLockDescriptor);
  syscall(SYS_close_range, kLockDescriptor + 1, ~0U, 0);
  if (rlimit limit; start.descriptors && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = *start.descriptors;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  char* const arguments[] = {const_cast<char*>(start.program.c_str()),
                             const_cast<char*>(start.directory.c_str()), nullptr};
  std::vector<char*> environment;
  for (const std::string& variable : prepared.environment)
    environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  execve(start.program.c_str(), arguments, environment.data());
  _exit(127);
}

[[noreturn]] void ForkTwice(const ShimStart& start, const Prepared& prepared) {
  setsid();
  const pid_t shim = fork();
  if (shim == 0) BecomeShim(start, prepared);
  (void)!write(prepared.identity_write.get(), &shim, sizeof shim);
  _exit(shim > 0 ? 0 : 1);
}

}  // namespace

absl::StatusOr<ProcessIdentity> SpawnShim(const ShimStart& start) {
  if (access(start.program.c_str(), X_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("the shim ", start.program,
                                                      " cannot be run: install it beside ",
                                                      "perigee-launcher or name it with --shim"));
  }
  Prepared prepared;
  PERIGEE_ASSIGN_OR_RETURN(prepared.memory, InMemory(start.private_half));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "making a pipe");
  prepared.identity_read = Fd(ends[0]);
  prepared.identity_write = Fd(ends[1]);
  if (const char* failpoints = std::getenv("PERIGEE_FAILPOINTS")) {
    prepared.environment.push_back(std::string("PERIGEE_FAILPOINTS=") + failpoints);
  }
  const pid_t middle = fork();
  if (middle < 0) return ErrnoStatus(errno, "making a process for the shim");
  if (middle == 0) ForkTwice(start, prepared);
  prepared.identity_write = Fd();
  pid_t shim = -1;
  ssize_t got = -1;
  while ((got = read(prepared.identity_read.get(), &shim, sizeof shim)) < 0 && errno == EINTR) {
  }
  while (waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (got != sizeof shim || shim <= 0)
    return absl::UnavailableError("the host has no room for another process");
  auto identity = IdentityOf(shim);
  if (!absl::IsNotFound(identity.status())) return identity;
  return absl::UnavailableError(
      "the shim ended as soon as it was started: see the launcher's standard error");
}

}  // namespace perigee::satellite
