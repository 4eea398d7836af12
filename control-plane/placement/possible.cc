#include <algorithm>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "control-plane/placement/host_room.h"
#include "control-plane/placement/placement.h"

namespace perigee::control {
namespace {

// How far the largest ask goes beyond what the empty host has, as a ratio.
double Excess(const Needs& needs, const PlaceHost& host) {
  double excess = 0;
  for (const auto& [name, asked] : needs.resources) {
    const auto capacity = host.capacity.find(name);
    if (capacity == host.capacity.end() || asked <= capacity->second) continue;
    const double have = std::max<double>(static_cast<double>(capacity->second), 1);
    excess = std::max(excess, static_cast<double>(asked) / have);
  }
  return excess;
}

}  // namespace

absl::Status CheckPossible(const Wanted& wanted, const std::vector<PlaceSite>& sites,
                           const std::vector<PlaceHost>& hosts) {
  if (wanted.leaving) return absl::OkStatus();
  std::set<std::string> selected;
  for (const PlaceSite& site : sites) {
    if (!site.leaving && Matches(wanted.project_sites, site.labels) && Matches(wanted.sites, site.labels)) {
      selected.insert(site.uid);
    }
  }
  const PlaceHost* nearest = nullptr;
  double least = std::numeric_limits<double>::infinity();
  for (const PlaceHost& host : hosts) {
    if (host.leaving || host.lost || !selected.contains(host.site_uid) ||
        !Matches(wanted.satellites, host.labels))
      continue;
    const double excess = Excess(wanted.needs, host);
    if (excess == 0) return absl::OkStatus();
    if (excess < least || (excess == least && host.name < nearest->name)) {
      least = excess;
      nearest = &host;
    }
  }
  if (nearest == nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("No satellite of the selected sites could run a replica, were it empty. The nearest is ",
                   nearest->name, ": ", HostRoom(*nearest).WhyNot(wanted.needs, nullptr).text,
                   ". Ask for less in spec.template.tasks[].resources, or select larger satellites."));
}

}  // namespace perigee::control
