// What else must be done so that nothing stays for ever: objects with
// deletingSince whose last holder has let go, enrolment tokens that expired a
// day ago; and the counts in a site's status. Pure.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "control-plane/controllers/decide_workload.h"

namespace perigee::control {

struct HouseSnapshot {
  std::vector<ObjectPtr> revisions, assignments, configs, secrets, tokens;
};
HouseSnapshot SnapshotHouse(const Model& model);

// The removals that are due.
std::vector<PlannedChange> DecideHousekeeping(const HouseSnapshot& snapshot, absl::Time now);

v1::SiteStatus StatusOfSite(const v1::Site& site, const std::vector<SatellitePtr>& satellites,
                            const std::vector<AssignmentPtr>& assignments, absl::Time now);

}  // namespace perigee::control
