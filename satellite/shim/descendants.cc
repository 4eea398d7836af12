#include "satellite/shim/descendants.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "shared/base/files.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr uint64_t kProcsFileBytes = 4 << 20;

struct Entry {
  ProcessIdentity identity;
  ProcessStat stat;
};

std::vector<Entry> AllProcesses() {
  std::vector<Entry> entries;
  const auto names = ListDirectory("/proc");
  const auto boot_id = BootId();
  if (!names.ok() || !boot_id.ok()) return entries;
  for (const std::string& name : *names) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(name, &pid)) continue;
    const auto stat = ReadProcessStat(pid);
    if (stat.ok()) entries.push_back({{*boot_id, pid, stat->start_ticks}, *stat});
  }
  return entries;
}

}  // namespace

std::vector<ProcessIdentity> DescendantsOf(pid_t root) {
  std::multimap<pid_t, ProcessIdentity> by_parent;
  for (Entry& entry : AllProcesses()) by_parent.emplace(entry.stat.parent, std::move(entry.identity));
  std::vector<ProcessIdentity> found;
  std::set<pid_t> seen = {root};
  std::vector<pid_t> parents = {root};
  while (!parents.empty()) {
    const auto [begin, end] = by_parent.equal_range(parents.back());
    parents.pop_back();
    for (auto child = begin; child != end; ++child) {
      if (!seen.insert(child->second.pid).second) continue;
      parents.push_back(child->second.pid);
      found.push_back(child->second);
    }
  }
  return found;
}

std::vector<ProcessIdentity> MembersOfSession(pid_t session) {
  std::vector<ProcessIdentity> found;
  for (Entry& entry : AllProcesses()) {
    if (session > 0 && entry.stat.session == session) found.push_back(std::move(entry.identity));
  }
  return found;
}

std::vector<ProcessIdentity> MembersOfCgroup(const std::string& directory) {
  std::vector<ProcessIdentity> found;
  const auto text = ReadFile(directory + "/cgroup.procs", kProcsFileBytes);
  if (!text.ok()) return found;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(*text, '\n', absl::SkipEmpty()))) {
    pid_t pid = 0;
    // 0 stands for a process of another pid namespace.
    if (!absl::SimpleAtoi(line, &pid) || pid <= 0) continue;
    auto identity = IdentityOf(pid);
    if (identity.ok()) found.push_back(*std::move(identity));
  }
  return found;
}

void KillAll(const std::vector<ProcessIdentity>& processes) {
  for (const ProcessIdentity& process : processes) {
    const auto handle = OpenProcess(process);
    if (handle.ok()) syscall(SYS_pidfd_send_signal, handle->get(), SIGKILL, nullptr, 0);
  }
}

void KillCgroup(const std::string& directory) {
  const Fd kill(open((directory + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
  if (kill.valid() && write(kill.get(), "1", 1) == 1) return;
  KillAll(MembersOfCgroup(directory));
}

}  // namespace perigee::satellite
