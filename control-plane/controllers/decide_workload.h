// What is due for one workload. Pure: the same snapshot gives the same plan, the
// uids of what it makes included, so that deciding again after a crash makes
// nothing twice.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control-plane/controllers/snapshot.h"
#include "proto/perigee/v1/event.pb.h"
#include "proto/perigee/v1/resource.pb.h"

namespace perigee::control {

// A change of intent; metadata.revision is what was read (0: it must not exist).
struct PlannedChange {
  std::string verb;  // "create", "update", "delete": for the audit record
  v1::Resource object;
  bool remove = false;
};

struct WorkloadPlan {
  std::vector<PlannedChange> changes;  // in the order in which they may be committed in parts
  std::set<std::string> satellites;    // whose entries may be due after this
  v1::WorkloadStatus status;           // not written for a workload that `changes` remove
  std::vector<v1::Event> events;
};

WorkloadPlan DecideWorkload(const WorkloadSnapshot& snapshot, absl::Time now);

}  // namespace perigee::control
