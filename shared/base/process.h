// Which process is meant, across restarts of whoever asks.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "shared/base/files.h"

namespace perigee {

// A process id is reused; with the boot and the start time it is not.
struct ProcessIdentity {
  std::string boot_id;
  pid_t pid = 0;
  uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat
  bool operator==(const ProcessIdentity&) const = default;
};

// /proc/sys/kernel/random/boot_id
absl::StatusOr<std::string> BootId();
absl::StatusOr<ProcessIdentity> IdentityOf(pid_t pid);
// What /proc/PID/stat says (proc(5)).
struct ProcessStat {
  char state = '?';
  pid_t parent = 0;
  pid_t session = 0;
  uint64_t start_ticks = 0;
};
// NOT_FOUND when it is gone.
absl::StatusOr<ProcessStat> ReadProcessStat(pid_t pid);
// Not to be able to look (no descriptor left, no memory) is no proof of anything: who would end or clear away what is
// gone leaves alone what is unknown, and looks again later.
enum class Liveness { kAlive, kGone, kUnknown };
// Of exactly this process (a zombie is gone).
Liveness LivenessOf(const ProcessIdentity& identity);
// Of the process that a pidfd holds. Needs no further descriptor.
Liveness LivenessOf(const Fd& process);
// A pidfd for exactly this process; NOT_FOUND only when it is gone for certain.
absl::StatusOr<Fd> OpenProcess(const ProcessIdentity& identity);
// Names the calling thread, for ps and debuggers; at most 15 characters.
void NameThread(const char* name);

}  // namespace perigee
