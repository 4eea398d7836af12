#include "satellite/launcher/leftovers.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "satellite/shim/descendants.h"
#include "shared/base/files.h"
#include "shared/base/status.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {
namespace {

constexpr uint64_t kCommandLineBytes = 64 << 10;
constexpr int kKills = 8;  // in a row, of what forks faster than it is found

std::vector<ProcessIdentity> LeftOf(const CgroupPlan& cgroups, const ProcessIdentity& child) {
  std::vector<ProcessIdentity> left;
  for (const std::string& directory : cgroups.directories) {
    for (ProcessIdentity& process : MembersOfCgroup(directory)) left.push_back(std::move(process));
  }
  // A session's number is not reused while a member lives, so older members cannot be strangers:
  // whoever is in it and began before our child is not its descendant.
  const auto boot_id = BootId();
  if (child.pid <= 0 || !boot_id.ok() || *boot_id != child.boot_id) return left;
  for (ProcessIdentity& process : MembersOfSession(child.pid)) {
    const bool reused = process.pid == child.pid && process.start_ticks != child.start_ticks;
    if (reused) return left;
    if (process.start_ticks >= child.start_ticks) left.push_back(std::move(process));
  }
  std::erase_if(left, [](const ProcessIdentity& process) { return LivenessOf(process) == Liveness::kGone; });
  return left;
}

}  // namespace

bool AwaitEnds(const std::vector<Fd>& processes, absl::Duration timeout) {
  const auto begin = std::chrono::steady_clock::now();
  for (const Fd& process : processes) {
    while (true) {
      const absl::Duration rest = timeout - absl::FromChrono(std::chrono::steady_clock::now() - begin);
      pollfd wait{process.get(), POLLIN, 0};
      const int ready = poll(&wait, 1, PollTimeout(std::max(rest, absl::ZeroDuration())));
      if (ready > 0) break;
      if (ready == 0) return false;
      if (errno != EINTR) return false;
    }
  }
  return true;
}

absl::StatusOr<std::vector<Fd>> KillLeftovers(const CgroupPlan& cgroups, const ProcessIdentity& child) {
  std::vector<Fd> ending;
  for (int i = 0; i < kKills && ending.empty(); ++i) {
    const std::vector<ProcessIdentity> left = LeftOf(cgroups, child);
    if (left.empty()) break;
    for (const std::string& directory : cgroups.directories) KillCgroup(directory);
    KillAll(left);
    for (const ProcessIdentity& process : left) {
      auto handle = OpenProcess(process);
      if (absl::IsNotFound(handle.status())) continue;
      PERIGEE_RETURN_IF_ERROR(handle.status());
      ending.push_back(*std::move(handle));
    }
  }
  return ending;
}

absl::Status EndLeftovers(const CgroupPlan& cgroups, const ProcessIdentity& child, absl::Duration timeout) {
  const auto begin = std::chrono::steady_clock::now();
  while (true) {
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<Fd> ending, KillLeftovers(cgroups, child));
    if (ending.empty() && LeftOf(cgroups, child).empty()) return absl::OkStatus();
    const absl::Duration rest = timeout - absl::FromChrono(std::chrono::steady_clock::now() - begin);
    if (rest <= absl::ZeroDuration() || !AwaitEnds(ending, rest)) {
      return absl::DeadlineExceededError(
          absl::StrCat(ending.size(), " processes do not end although killed: is a disk or a mount stuck?"));
    }
  }
}

ProcessIdentity FindShim(const std::string& directory) {
  const auto names = ListDirectory("/proc");
  if (!names.ok()) return {};
  const std::string ending = std::string(1, '\0') + directory + std::string(1, '\0');
  for (const std::string& name : *names) {
    pid_t pid = 0;
    struct stat owner;
    if (!absl::SimpleAtoi(name, &pid) || stat(("/proc/" + name).c_str(), &owner) != 0) continue;
    // Anyone can name themselves like a shim; only one of our own user is one.
    if (owner.st_uid != geteuid()) continue;
    const auto command_line = ReadFile("/proc/" + name + "/cmdline", kCommandLineBytes);
    if (!command_line.ok() || !absl::EndsWith(*command_line, ending)) continue;
    const std::string program = command_line->substr(0, command_line->find('\0'));
    if (program.size() + ending.size() != command_line->size()) continue;
    auto identity = IdentityOf(pid);
    if (identity.ok() && pid != getpid()) return *std::move(identity);
  }
  return {};
}

}  // namespace perigee::satellite
