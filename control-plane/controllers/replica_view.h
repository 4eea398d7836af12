// One assignment of a workload, as rollout and status look at it. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "control-plane/controllers/snapshot.h"
#include "control-plane/placement/placement.h"
#include "control-plane/rollout/rollout.h"

namespace perigee::control {

struct ReplicaView {
  AssignmentPtr assignment;
  RolloutReplica rollout;
  // Why it cannot become what is wanted: MissingSiteValue, NoFit, HostPortConflict, MissingConfig...; empty: it can.
  std::string reason;
  std::string message;
};

// `wanted`: the revision to be at; null when there is none yet.
ReplicaView ViewOf(const AssignmentPtr& assignment, const WorkloadSnapshot& snapshot,
                   const RevisionPtr& wanted, const PlacementPlan& plan, absl::Time now);

// Ready as last reported, on a satellite that is live.
bool IsLive(const v1::Satellite* satellite);
bool IsReady(const v1::Assignment& assignment);

}  // namespace perigee::control
