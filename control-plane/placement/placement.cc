#include "control-plane/placement/placement.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control-plane/placement/host_room.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"

namespace perigee::control {
namespace {

constexpr size_t kHostsInMessage = 5;

class Planner {
 public:
  explicit Planner(const PlacementInput& input) : input_(input), wanted_(input.wanted) {}

  PlacementPlan Plan() {
    IndexHosts();
    SelectSites();
    SortOut();
    GrowKept();
    for (const PlaceSite* site : sites_) FillSite(*site);
    std::sort(plan_.keep.begin(), plan_.keep.end());
    std::sort(plan_.removals.begin(), plan_.removals.end(),
              [](const auto& a, const auto& b) { return a.assignment_uid < b.assignment_uid; });
    return std::move(plan_);
  }

 private:
  void IndexHosts() {
    for (const PlaceHost& host : input_.hosts) rooms_.emplace(host.uid, HostRoom(host));
    for (const Placed& placed : input_.placed) sorted_.push_back(&placed);
    std::sort(sorted_.begin(), sorted_.end(),
              [](const Placed* a, const Placed* b) { return a->assignment_uid < b->assignment_uid; });
    for (const Placed* placed : sorted_) {
      if (auto room = rooms_.find(placed->satellite_uid); room != rooms_.end()) room->second.Take(*placed);
    }
  }

  void SelectSites() {
    for (const PlaceSite& site : input_.sites) {
      allowed_[site.uid] = Matches(wanted_.project_sites, site.labels);
      const bool chosen = allowed_[site.uid] && Matches(wanted_.sites, site.labels);
      if (chosen && !site.leaving && !wanted_.leaving) sites_.push_back(&site);
    }
    std::sort(sites_.begin(), sites_.end(), [](const PlaceSite* a, const PlaceSite* b) {
      return std::tie(a->name, a->uid) < std::tie(b->name, b->uid);
    });
    for (const PlaceSite* site : sites_) kept_[site->uid];
  }

  // Whether a replica may stay on (or come to) this host, room aside.
  bool MayBeOn(const PlaceHost& host) const {
    return !host.leaving && !host.lost && kept_.contains(host.site_uid) &&
           Matches(wanted_.satellites, host.labels);
  }

  std::string WhyNotOn(const PlaceHost* host) const {
    if (wanted_.leaving || host == nullptr || host->leaving) return std::string(reason::kDeleting);
    if (host->lost) return std::string(reason::kRevoked);
    const auto allowed = allowed_.find(host->site_uid);
    if (allowed != allowed_.end() && !allowed->second) return std::string(reason::kSiteNotAllowed);
    return std::string(reason::kRemoved);
  }

  // Existing replicas of this workload: kept, or to be removed.
  void SortOut() {
    std::vector<const Placed*> mine;
    for (const Placed* placed : sorted_) {
      if (placed->workload_uid == wanted_.workload_uid && !placed->leaving) mine.push_back(placed);
    }
    std::sort(mine.begin(), mine.end(), [](const Placed* a, const Placed* b) {
      return std::tie(a->ordinal, a->assignment_uid) < std::tie(b->ordinal, b->assignment_uid);
    });
    for (const Placed* placed : mine) {
      const auto room = rooms_.find(placed->satellite_uid);
      const PlaceHost* host = room == rooms_.end() ? nullptr : &room->second.host();
      if (host == nullptr || !MayBeOn(*host)) {
        plan_.removals.push_back({placed->assignment_uid, WhyNotOn(host)});
        continue;
      }
      auto& kept = kept_[host->site_uid];
      if (static_cast<int32_t>(kept.size()) >= wanted_.replicas_per_site) {
        plan_.removals.push_back({placed->assignment_uid, std::string(reason::kRemoved)});
        continue;
      }
      kept.push_back(placed);
      ++room->second.mine;
      plan_.keep.push_back(placed->assignment_uid);
    }
  }

  // Kept replicas that are to become larger take what they will need, where there is room.
  void GrowKept() {
    for (const Placed* placed : sorted_) {
      const auto room = rooms_.find(placed->satellite_uid);
      if (placed->needs == wanted_.needs || room == rooms_.end()) continue;
      const auto& kept = kept_[room->second.host().site_uid];
      if (std::find(kept.begin(), kept.end(), placed) == kept.end()) continue;
      const Shortage shortage = room->second.WhyNot(wanted_.needs, placed);
      if (shortage.text.empty()) {
        room->second.Grow(*placed, wanted_.needs);
        continue;
      }
      plan_.cramped.push_back(
          {placed->assignment_uid,
           std::string(shortage.of_ports_only ? reason::kHostPortConflict : reason::kNoFit),
           absl::StrCat("What is asked for now has no room on satellite ", room->second.host().name, ": ",
                        shortage.text, ". The replica stays as it was. Make room there, or ask for less.")});
    }
  }

  void FillSite(const PlaceSite& site) {
    SitePlan result{.site_uid = site.uid, .site = site.name, .wanted = wanted_.replicas_per_site};
    std::set<int32_t> ordinals;
    for (const Placed* placed : kept_[site.uid]) ordinals.insert(placed->ordinal);
    std::vector<HostRoom*> candidates;
    for (auto& [uid, room] : rooms_) {
      if (room.host().site_uid == site.uid && MayBeOn(room.host())) candidates.push_back(&room);
    }
    result.placed = static_cast<int32_t>(kept_[site.uid].size());
    for (int32_t ordinal = 0; result.placed < result.wanted; ++ordinal) {
      if (ordinals.contains(ordinal)) continue;
      HostRoom* best = Best(candidates);
      if (best == nullptr) break;
      best->TakeNew("this one", wanted_.needs);
      plan_.creations.push_back({site.uid, best->host().uid, ordinal});
      ++result.placed;
    }
    if (result.placed < result.wanted) SayWhy(site, candidates, result);
    plan_.sites.push_back(std::move(result));
  }

  HostRoom* Best(const std::vector<HostRoom*>& candidates) const {
    HostRoom* best = nullptr;
    const auto rank = [](const HostRoom& room) {
      return std::make_tuple(room.mine, room.host().live ? 0 : 1, -room.FreeShare(), room.host().name,
                             room.host().uid);
    };
    for (HostRoom* room : candidates) {
      if (!room->host().closed.empty() || !room->Fits(wanted_.needs)) continue;
      if (best == nullptr || rank(*room) < rank(*best)) best = room;
    }
    return best;
  }

  void SayWhy(const PlaceSite& site, std::vector<HostRoom*> candidates, SitePlan& result) const {
    const std::string missing = absl::StrCat(result.wanted - result.placed, " of ", result.wanted,
                                             " replicas cannot be placed at site ", site.name);
    if (candidates.empty()) {
      result.reason = std::string(reason::kNoSatellite);
      result.message = absl::StrCat(
          missing, ": no satellite there matches. Enrol one, or change spec.placement.satellites.");
      return;
    }
    std::sort(candidates.begin(), candidates.end(),
              [](const HostRoom* a, const HostRoom* b) { return a->host().name < b->host().name; });
    std::vector<std::string> hosts;
    bool open = false, ports_only = true;
    for (const HostRoom* room : candidates) {
      const PlaceHost& host = room->host();
      if (!host.closed.empty()) {
        hosts.push_back(absl::StrCat(host.name, ": it is ", host.closed));
        continue;
      }
      open = true;
      const Shortage shortage = room->WhyNot(wanted_.needs, nullptr);
      ports_only = ports_only && shortage.of_ports_only;
      hosts.push_back(absl::StrCat(host.name, ": ", shortage.text));
    }
    const size_t all = hosts.size();
    if (all > kHostsInMessage) hosts.resize(kHostsInMessage);
    const std::string more =
        all > kHostsInMessage ? absl::StrCat("; and ", all - kHostsInMessage, " more") : "";
    result.reason = std::string(!open        ? reason::kNoSatellite
                                : ports_only ? reason::kHostPortConflict
                                             : reason::kNoFit);
    result.message = absl::StrCat(missing, ". ", absl::StrJoin(hosts, "; "), more,
                                  ". Make room, enrol a further satellite, or ask for less.");
  }

  const PlacementInput& input_;
  const Wanted& wanted_;
  std::map<std::string, HostRoom> rooms_;
  std::vector<const Placed*> sorted_;
  std::vector<const PlaceSite*> sites_;                     // selected, by name
  std::map<std::string, bool> allowed_;                     // by site uid: the project may use it
  std::map<std::string, std::vector<const Placed*>> kept_;  // by uid of each selected site
  PlacementPlan plan_;
};

std::string WhyClosed(const v1::SatelliteOperations& operations) {
  if (operations.revoked().active()) return "revoked";
  if (operations.quarantined().active()) return "quarantined";
  if (operations.cordon().active()) return "cordoned";
  if (operations.drain().active()) return "draining";
  return "";
}

}  // namespace

absl::StatusOr<Wanted> WantedOf(const v1::Workload& workload, const v1::Project* project) {
  Wanted wanted;
  wanted.workload_uid = workload.metadata().uid();
  if (project != nullptr) wanted.project_sites = project->spec().sites();
  const v1::Placement& placement = workload.spec().placement();
  wanted.sites = placement.sites();
  wanted.satellites = placement.satellites();
  if (placement.replicas_per_site() > 0) wanted.replicas_per_site = placement.replicas_per_site();
  if (workload.operations().scale().active())
    wanted.replicas_per_site = workload.operations().scale_override();
  PERIGEE_ASSIGN_OR_RETURN(wanted.needs, NeedsOf(workload.spec().template_()));
  wanted.leaving = workload.metadata().has_deleting_since();
  return wanted;
}

PlaceSite SiteOf(const v1::Site& site) {
  return {.uid = site.metadata().uid(),
          .name = site.metadata().name(),
          .labels = site.metadata().labels(),
          .leaving = site.metadata().has_deleting_since()};
}

PlaceHost HostOf(const v1::Satellite& satellite) {
  return {.uid = satellite.metadata().uid(),
          .name = satellite.metadata().name(),
          .site_uid = satellite.spec().site_uid(),
          .labels = satellite.metadata().labels(),
          .capacity = CapacityOf(satellite.status().facts()),
          .live = satellite.status().freshness().state() == "live",
          .closed = WhyClosed(satellite.operations()),
          .leaving = satellite.metadata().has_deleting_since(),
          .lost = satellite.operations().revoked().active()};
}

Placed PlacedOf(const v1::Assignment& assignment) {
  return {.assignment_uid = assignment.metadata().uid(),
          .workload_uid = assignment.spec().workload_uid(),
          .workload = assignment.spec().workload(),
          .satellite_uid = assignment.spec().satellite_uid(),
          .ordinal = assignment.spec().ordinal(),
          .needs = NeedsOf(assignment),
          .leaving = assignment.metadata().has_deleting_since()};
}

PlacementPlan Place(const PlacementInput& input) {
  return Planner(input).Plan();
}

}  // namespace perigee::control
