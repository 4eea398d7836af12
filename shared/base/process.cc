#include "shared/base/process.h"

#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "shared/base/status.h"

namespace perigee {
namespace {

constexpr uint64_t kProcFileBytes = 4096;

}  // namespace

absl::StatusOr<std::string> BootId() {
  PERIGEE_ASSIGN_OR_RETURN(std::string id, ReadFile("/proc/sys/kernel/random/boot_id", kProcFileBytes));
  absl::StripAsciiWhitespace(&id);
  return id;
}

absl::StatusOr<ProcessStat> ReadProcessStat(pid_t pid) {
  auto text = ReadFile(absl::StrCat("/proc/", pid, "/stat"), kProcFileBytes);
  // ESRCH, which is NOT_FOUND too, is what reading gives when the process ends between open and read.
  if (absl::IsNotFound(text.status())) return absl::NotFoundError(absl::StrCat("process ", pid, " is gone"));
  if (!text.ok()) return text.status();
  // The command's name may itself hold spaces and parentheses: count from its last one. What follows is field 3.
  const size_t end_of_name = text->rfind(')');
  if (end_of_name == std::string::npos)
    return absl::DataLossError(absl::StrCat("/proc/", pid, "/stat is odd"));
  const std::vector<std::string> fields =
      absl::StrSplit(text->substr(end_of_name + 1), ' ', absl::SkipEmpty());
  ProcessStat stat;
  constexpr size_t kFirst = 3, kParent = 4, kSession = 6, kStartTicks = 22;
  if (fields.size() <= kStartTicks - kFirst || !absl::SimpleAtoi(fields[kParent - kFirst], &stat.parent) ||
      !absl::SimpleAtoi(fields[kSession - kFirst], &stat.session) ||
      !absl::SimpleAtoi(fields[kStartTicks - kFirst], &stat.start_ticks)) {
    return absl::DataLossError(absl::StrCat("/proc/", pid, "/stat is odd"));
  }
  stat.state = fields[0][0];
  return stat;
}

absl::StatusOr<ProcessIdentity> IdentityOf(pid_t pid) {
  PERIGEE_ASSIGN_OR_RETURN(std::string boot_id, BootId());
  PERIGEE_ASSIGN_OR_RETURN(const ProcessStat stat, ReadProcessStat(pid));
  return ProcessIdentity{std::move(boot_id), pid, stat.start_ticks};
}

Liveness LivenessOf(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return Liveness::kGone;
  // Read first: where it cannot be read there is no /proc that a missing process would prove anything by.
  const auto boot_id = BootId();
  if (!boot_id.ok()) return Liveness::kUnknown;
  if (*boot_id != identity.boot_id) return Liveness::kGone;
  const auto stat = ReadProcessStat(identity.pid);
  if (absl::IsNotFound(stat.status())) return Liveness::kGone;
  if (!stat.ok()) return Liveness::kUnknown;
  const bool same = stat->start_ticks == identity.start_ticks;
  return same && stat->state != 'Z' && stat->state != 'X' ? Liveness::kAlive : Liveness::kGone;
}

Liveness LivenessOf(const Fd& process) {
  pollfd wait{process.get(), POLLIN, 0};
  const int ready = process.valid() ? poll(&wait, 1, 0) : -1;
  if (ready < 0) return Liveness::kUnknown;
  return ready > 0 ? Liveness::kGone : Liveness::kAlive;
}

absl::StatusOr<Fd> OpenProcess(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return absl::NotFoundError("no process is named");
  Fd fd(static_cast<int>(syscall(SYS_pidfd_open, identity.pid, 0)));
  const int error = errno;
  // Asked after opening: from here on the number cannot be given to another process unnoticed.
  const Liveness liveness = LivenessOf(identity);
  if (liveness == Liveness::kGone || (!fd.valid() && error == ESRCH)) {
    return absl::NotFoundError(absl::StrCat("process ", identity.pid, " is gone"));
  }
  if (!fd.valid()) return ErrnoStatus(error, absl::StrCat("opening process ", identity.pid));
  if (liveness == Liveness::kAlive) return fd;
  return absl::UnavailableError(
      absl::StrCat("whether process ", identity.pid,
                   " lives cannot be read from /proc: is the host out of descriptors or "
                   "memory?"));
}

void NameThread(const char* name) {
  // Fails for a name over 15 characters only, which is a programmer's error.
  PERIGEE_ASSERT(pthread_setname_np(pthread_self(), name) == 0);
}

}  // namespace perigee
