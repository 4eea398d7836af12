// Control groups of replicas: version 2 where it has the controllers, version 1
// beside it where the host is hybrid, both when both are there (version 2 then
// kills as a whole, version 1 limits). A replica's directories are
// <hierarchy>/<base>/<instance>/<replica id>. Where a hierarchy cannot be used,
// the words of what is missing say so, and nothing fails.
//
//   Cgroups cgroups = Cgroups::Detect({.instance = "3f2a"});
//   CgroupPlan plan = cgroups.PlanFor(id);          // written down first
//   std::vector<std::string> lacking = cgroups.Create(plan, limits);
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "satellite/shim/protocol.h"

namespace perigee::satellite {

// A mounted hierarchy and where this process stands in it.
struct Hierarchy {
  std::string directory;              // of this process, or of the configured root
  bool unified = false;               // version 2
  std::set<std::string> controllers;  // of memory, cpu, pids
  bool operator==(const Hierarchy&) const = default;
};

// Pure: /proc/self/mountinfo and /proc/self/cgroup. `root`: a path in each hierarchy
// instead of the process's own; empty: its own. Version 2's controllers are not in these files.
std::vector<Hierarchy> FindHierarchies(std::string_view mountinfo, std::string_view own,
                                       std::string_view root);

struct CgroupPlan {
  std::vector<std::string> directories;
  std::string oom_file;
};

struct CgroupUsage {
  std::optional<int64_t> memory_bytes;
  std::optional<int64_t> cpu_usec;
};

class Cgroups {
 public:
  struct Config {
    std::string root;      // empty: beneath the launcher's own; "none": none at all
    std::string instance;  // tells apart the launchers of one host
  };
  static Cgroups Detect(const Config& config);

  CgroupPlan PlanFor(const std::string& id) const;
  // Makes the directories and sets the limits. Words of satellite::missing for what is not to be had.
  std::vector<std::string> Create(CgroupPlan& plan, const ResourceLimits& limits) const;
  // The limits again, other values.
  static std::vector<std::string> SetLimits(const CgroupPlan& plan, const ResourceLimits& limits);
  static CgroupUsage Usage(const CgroupPlan& plan);
  // Empty ones; OK when they are gone.
  static absl::Status RemoveEmpty(const CgroupPlan& plan);
  // Those of this launcher, and what is above them of Perigee's, when they are empty.
  void RemoveEmptyBases() const;
  // Directories of replicas that nobody knows any more and that are empty.
  void Sweep(const std::set<std::string>& known_ids) const;

 private:
  std::vector<Hierarchy> bases_;  // directory: <...>/<instance>
};

}  // namespace perigee::satellite
