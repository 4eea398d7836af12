#include "satellite/launcher/cgroups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "satellite/launcher/protocol.h"
#include "shared/base/files.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"

namespace perigee::satellite {
namespace {

constexpr uint64_t kProcFileBytes = 1 << 20;
constexpr uint64_t kValueBytes = 4096;
constexpr int64_t kCpuPeriodUsec = 100'000;
constexpr int64_t kSmallestQuotaUsec = 1'000;
constexpr char kBase[] = "perigee";
// Version 2 lets only leaves have processes, so the launcher moves into a leaf of its own.
constexpr char kOwnLeaf[] = "perigee-launcher";
constexpr const char* kControllers[] = {"memory", "cpu", "pids"};

absl::Status WriteValue(const std::string& path, const std::string& value) {
  const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() || write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return ErrnoStatus(errno, absl::StrCat("writing ", path));
  }
  return absl::OkStatus();
}

std::optional<int64_t> ReadNumber(const std::string& path) {
  auto text = ReadFile(path, kValueBytes);
  int64_t number = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &number)) return std::nullopt;
  return number;
}

std::optional<int64_t> ReadLine(const std::string& path, std::string_view name) {
  const auto text = ReadFile(path, kValueBytes);
  if (!text.ok()) return std::nullopt;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(*text, '\n'))) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    int64_t number = 0;
    if (words.size() == 2 && words[0] == name && absl::SimpleAtoi(words[1], &number)) return number;
  }
  return std::nullopt;
}

bool MakeCgroup(const std::string& directory) {
  return mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST;
}

std::set<std::string> Words(const std::string& path) {
  const auto text = ReadFile(path, kValueBytes);
  if (!text.ok()) return {};
  return absl::StrSplit(*text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

// What the children of a version 2 directory can be limited by, after asking for it.
std::set<std::string> EnableControllers(const std::string& directory) {
  const std::set<std::string> available = Words(directory + "/cgroup.controllers");
  std::set<std::string> enabled;
  for (const char* controller : kControllers) {
    const bool there = available.contains(controller);
    if (there && WriteValue(directory + "/cgroup.subtree_control", absl::StrCat("+", controller)).ok()) {
      enabled.insert(controller);
    }
  }
  return enabled;
}

bool StepIntoLeaf(const std::string& directory) {
  const std::string leaf = directory + "/" + kOwnLeaf;
  return MakeCgroup(leaf) && WriteValue(leaf + "/cgroup.procs", "0").ok();
}

// Makes <own>/perigee/<instance> with controllers down to it; false when this hierarchy is of no use.
bool MakeBase(Hierarchy& hierarchy, const std::string& instance) {
  if (hierarchy.unified) {
    hierarchy.controllers = EnableControllers(hierarchy.directory);
    const std::set<std::string> available = Words(hierarchy.directory + "/cgroup.controllers");
    const bool wanting =
        std::any_of(std::begin(kControllers), std::end(kControllers), [&](const char* controller) {
          return available.contains(controller) && !hierarchy.controllers.contains(controller);
        });
    if (wanting && StepIntoLeaf(hierarchy.directory))
      hierarchy.controllers = EnableControllers(hierarchy.directory);
  }
  for (const std::string& step : {std::string(kBase), instance}) {
    hierarchy.directory += "/" + step;
    if (!MakeCgroup(hierarchy.directory)) return false;
    if (hierarchy.unified) hierarchy.controllers = EnableControllers(hierarchy.directory);
  }
  return access(hierarchy.directory.c_str(), W_OK) == 0;
}

bool LimitMemory(const std::string& directory, bool unified, int64_t bytes) {
  if (unified) {
    const std::string value = bytes == 0 ? "max" : std::to_string(bytes);
    (void)WriteValue(directory + "/memory.swap.max", bytes == 0 ? "max" : "0");
    (void)WriteValue(directory + "/memory.oom.group", "1");
    return WriteValue(directory + "/memory.max", value).ok();
  }
  const std::string value = bytes == 0 ? "-1" : std::to_string(bytes);
  const std::string memory = directory + "/memory.limit_in_bytes";
  // Memory with swap may never be less than memory: which goes first depends on the way.
  const std::string with_swap = directory + "/memory.memsw.limit_in_bytes";
  const bool first = WriteValue(memory, value).ok();
  (void)WriteValue(with_swap, value);
  return first || WriteValue(memory, value).ok();
}

bool LimitCpu(const std::string& directory, bool unified, int64_t millis) {
  const int64_t quota = std::max(kSmallestQuotaUsec, millis * kCpuPeriodUsec / 1000);
  if (unified) {
    const std::string value = absl::StrCat(millis == 0 ? "max" : std::to_string(quota), " ", kCpuPeriodUsec);
    return WriteValue(directory + "/cpu.max", value).ok();
  }
  const bool period = WriteValue(directory + "/cpu.cfs_period_us", std::to_string(kCpuPeriodUsec)).ok();
  return WriteValue(directory + "/cpu.cfs_quota_us", millis == 0 ? "-1" : std::to_string(quota)).ok() &&
         period;
}

bool LimitPids(const std::string& directory, int64_t pids) {
  return WriteValue(directory + "/pids.max", pids == 0 ? "max" : std::to_string(pids)).ok();
}

// Whether the directory has that controller's file, and of which version it is.
bool Has(const std::string& directory, const std::string& file) {
  return FileExists(directory + "/" + file);
}

std::string OomFileOf(const std::vector<std::string>& directories) {
  for (const std::string& directory : directories) {
    for (const char* name : {"memory.events", "memory.oom_control"}) {
      if (Has(directory, name)) return directory + "/" + name;
    }
  }
  return "";
}

// "0::/a" and "4:memory:/b" as controller → path; "" for version 2.
std::map<std::string, std::string> OwnPaths(std::string_view own) {
  std::map<std::string, std::string> paths;
  for (const absl::string_view line : absl::StrSplit(ToAbsl(own), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || !absl::StartsWith(parts[2], "/")) continue;
    for (const std::string& controller : std::vector<std::string>(absl::StrSplit(parts[1], ','))) {
      paths[controller] = parts[2];
    }
  }
  return paths;
}

std::string Join(const std::string& mount, const std::string& mounted_root, std::string path) {
  if (mounted_root != "/" && absl::StartsWith(path, mounted_root)) path = path.substr(mounted_root.size());
  if (path.empty() || path == "/") return mount;
  return mount + path;
}

// The process may be in its leaf already, from before a restart.
std::string WithoutLeaf(std::string directory) {
  const std::string leaf = absl::StrCat("/", kOwnLeaf);
  if (absl::EndsWith(directory, leaf)) directory.resize(directory.size() - leaf.size());
  return directory;
}

}  // namespace

std::vector<Hierarchy> FindHierarchies(std::string_view mountinfo, std::string_view own,
                                       std::string_view root) {
  const std::map<std::string, std::string> paths = OwnPaths(own);
  std::vector<Hierarchy> found;
  for (const absl::string_view line : absl::StrSplit(ToAbsl(mountinfo), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 5 || words.end() - dash < 4) continue;
    const std::string& type = *(dash + 1);
    const std::vector<std::string> options = absl::StrSplit(*(dash + 3), ',');
    Hierarchy hierarchy{"", type == "cgroup2", {}};
    std::string own_path;
    if (hierarchy.unified) {
      if (const auto path = paths.find(""); path != paths.end()) own_path = path->second;
    } else if (type == "cgroup") {
      for (const char* controller : kControllers) {
        const auto path = paths.find(controller);
        if (std::find(options.begin(), options.end(), controller) == options.end() || path == paths.end())
          continue;
        hierarchy.controllers.insert(controller);
        own_path = path->second;
      }
    }
    if (own_path.empty()) continue;
    const std::string wanted = root.empty() ? own_path : std::string(root);
    hierarchy.directory = WithoutLeaf(Join(words[4], words[3], wanted));
    const bool known = std::any_of(found.begin(), found.end(), [&](const Hierarchy& other) {
      return other.directory == hierarchy.directory;
    });
    if (!known) found.push_back(std::move(hierarchy));
  }
  return found;
}

Cgroups Cgroups::Detect(const Config& config) {
  Cgroups cgroups;
  const auto mountinfo = ReadFile("/proc/self/mountinfo", kProcFileBytes);
  const auto own = ReadFile("/proc/self/cgroup", kProcFileBytes);
  if (config.root == "none" || !mountinfo.ok() || !own.ok()) return cgroups;
  for (Hierarchy& hierarchy : FindHierarchies(*mountinfo, *own, config.root)) {
    if (!config.root.empty()) MakeCgroup(hierarchy.directory);
    if (MakeBase(hierarchy, config.instance)) cgroups.bases_.push_back(std::move(hierarchy));
  }
  return cgroups;
}

CgroupPlan Cgroups::PlanFor(const std::string& id) const {
  CgroupPlan plan;
  for (const Hierarchy& base : bases_) plan.directories.push_back(base.directory + "/" + id);
  return plan;
}

std::vector<std::string> Cgroups::Create(CgroupPlan& plan, const ResourceLimits& limits) const {
  std::erase_if(plan.directories, [](const std::string& directory) { return !MakeCgroup(directory); });
  plan.oom_file = OomFileOf(plan.directories);
  std::vector<std::string> lacking = SetLimits(plan, limits);
  if (plan.directories.empty()) lacking.insert(lacking.begin(), missing::kCgroup);
  return lacking;
}

std::vector<std::string> Cgroups::SetLimits(const CgroupPlan& plan, const ResourceLimits& limits) {
  bool memory = false, cpu = false, pids = false;
  for (const std::string& directory : plan.directories) {
    const bool unified = Has(directory, "cgroup.controllers");
    const bool has_memory = Has(directory, unified ? "memory.max" : "memory.limit_in_bytes");
    const bool has_cpu = Has(directory, unified ? "cpu.max" : "cpu.cfs_quota_us");
    memory = (has_memory && LimitMemory(directory, unified, limits.memory_bytes)) || memory;
    cpu = (has_cpu && LimitCpu(directory, unified, limits.cpu_millis)) || cpu;
    pids = (Has(directory, "pids.max") && LimitPids(directory, limits.pids)) || pids;
  }
  std::vector<std::string> lacking;
  if (!memory && limits.memory_bytes != 0) lacking.push_back(missing::kMemoryLimit);
  if (!cpu && limits.cpu_millis != 0) lacking.push_back(missing::kCpuLimit);
  if (!pids && limits.pids != 0) lacking.push_back(missing::kPidsLimit);
  return lacking;
}

CgroupUsage Cgroups::Usage(const CgroupPlan& plan) {
  CgroupUsage usage;
  for (const std::string& directory : plan.directories) {
    for (const char* name : {"memory.current", "memory.usage_in_bytes"}) {
      if (const auto bytes = ReadNumber(directory + "/" + name)) usage.memory_bytes = bytes;
    }
    // Version 2 counts processor time in every cgroup, with or without the controller.
    if (const auto usec = ReadLine(directory + "/cpu.stat", "usage_usec")) usage.cpu_usec = usec;
  }
  return usage;
}

absl::Status Cgroups::RemoveEmpty(const CgroupPlan& plan) {
  absl::Status status;
  for (const std::string& directory : plan.directories) {
    if (rmdir(directory.c_str()) == 0 || errno == ENOENT) continue;
    status.Update(ErrnoStatus(errno, absl::StrCat("removing the cgroup ", directory)));
  }
  return status;
}

void Cgroups::RemoveEmptyBases() const {
  for (const Hierarchy& base : bases_) {
    rmdir(base.directory.c_str());
    rmdir(base.directory.substr(0, base.directory.rfind('/')).c_str());
  }
}

void Cgroups::Sweep(const std::set<std::string>& known_ids) const {
  for (const Hierarchy& base : bases_) {
    const auto names = ListDirectory(base.directory);
    if (!names.ok()) continue;
    for (const std::string& name : *names) {
      if (IsReplicaId(name) && !known_ids.contains(name)) rmdir((base.directory + "/" + name).c_str());
    }
  }
}

}  // namespace perigee::satellite
