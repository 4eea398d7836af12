// Where the replicas of one workload should be. A pure function of a snapshot:
// the same world in another order gives the same plan.
//
// Invariants: no host is given more than its capacity, no fixed port twice on a
// host; an existing assignment that is still allowed is never moved, whatever
// would be better; at each selected site there are as many replicas as asked
// for, or a condition says what is short. Replicas of one workload go to
// different hosts while there are such. A host that is offline keeps what it
// has and may be given more: it is delivered on return.
//
//   PlacementInput input = {.wanted = WantedOf(workload, project), .sites = ..., .hosts = ..., .placed = ...};
//   for (const Creation& creation : Place(input).creations) ...
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "control-plane/placement/needs.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/resource/selector.h"

namespace perigee::control {

// What a workload asks of placement.
struct Wanted {
  std::string workload_uid;
  v1::LabelSelector project_sites;  // what its project may use
  v1::LabelSelector sites;
  v1::LabelSelector satellites;
  int32_t replicas_per_site = 1;
  Needs needs;
  bool leaving = false;  // the workload is being deleted: nothing is wanted
};
// `project` may be null: no restriction. INVALID_ARGUMENT for a quantity that does not parse.
absl::StatusOr<Wanted> WantedOf(const v1::Workload& workload, const v1::Project* project);

struct PlaceSite {
  std::string uid;
  std::string name;
  Labels labels;
  bool leaving = false;  // being deleted
};
PlaceSite SiteOf(const v1::Site& site);

struct PlaceHost {
  std::string uid;
  std::string name;
  std::string site_uid;
  Labels labels;
  Quantities capacity;
  bool live = false;
  // Why it takes no new replicas ("cordoned", "quarantined", "revoked", "draining"); empty: it does.
  std::string closed;
  bool leaving = false;  // being deleted: what it has must go
  bool lost = false;     // revoked: nobody will ever report about what it has, so it is placed elsewhere
};
PlaceHost HostOf(const v1::Satellite& satellite);

// A replica of any workload on one of the hosts. All of them must be there: they use up the capacity.
struct Placed {
  std::string assignment_uid;
  std::string workload_uid;
  std::string workload;  // for messages
  std::string satellite_uid;
  int32_t ordinal = 0;
  Needs needs;
  bool leaving = false;  // on its way out; takes room until it is gone, and is not counted as a replica
};
Placed PlacedOf(const v1::Assignment& assignment);

struct PlacementInput {
  Wanted wanted;
  std::vector<PlaceSite> sites;
  std::vector<PlaceHost> hosts;
  std::vector<Placed> placed;
};

struct Creation {
  std::string site_uid;
  std::string satellite_uid;
  int32_t ordinal = 0;  // unique among the replicas of the workload at the site
  bool operator==(const Creation&) const = default;
};
struct Removal {
  std::string assignment_uid;
  std::string why;  // a word of the reason table
  bool operator==(const Removal&) const = default;
};
// Kept where it is, but what the template asks for now has no room there: it stays at what it was.
struct Cramped {
  std::string assignment_uid;
  std::string reason;  // NoFit or PortTaken
  std::string message;
  bool operator==(const Cramped&) const = default;
};
// A site that the selectors chose.
struct SitePlan {
  std::string site_uid;
  std::string site;
  int32_t wanted = 0;
  int32_t placed = 0;   // kept and created
  std::string reason;   // "" when all are placed; else NoSatellite, NoFit or PortTaken
  std::string message;  // what is short, by how much, on which hosts, and what to do next
  bool operator==(const SitePlan&) const = default;
};
struct PlacementPlan {
  std::vector<Creation> creations;  // by site name, then ordinal
  std::vector<std::string> keep;    // assignment uids, sorted
  std::vector<Removal> removals;    // sorted by uid
  std::vector<Cramped> cramped;     // of keep
  std::vector<SitePlan> sites;      // by name
  bool operator==(const PlacementPlan&) const = default;
};

PlacementPlan Place(const PlacementInput& input);

// For admission: an ask that no host of the selected sites could ever fulfil, empty as it may be, is an error
// (FAILED_PRECONDITION, naming the nearest host). No hosts at all is not: they may come.
absl::Status CheckPossible(const Wanted& wanted, const std::vector<PlaceSite>& sites,
                           const std::vector<PlaceHost>& hosts);

}  // namespace perigee::control
