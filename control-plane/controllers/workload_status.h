// The status of a workload, from what was decided. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "control-plane/controllers/replica_view.h"
#include "control-plane/controllers/revisions.h"

namespace perigee::control {

struct StatusInput {
  const WorkloadSnapshot& snapshot;
  const RevisionDecision& revision;
  const PlacementPlan& plan;
  const std::vector<ReplicaView>& replicas;
  const std::map<std::string, SiteRollout>& rollouts;  // by site uid
  bool paused = false;
};

v1::WorkloadStatus StatusOf(const StatusInput& input, absl::Time now);

// Sets `type`; keeps last_transition while status and reason stay as in `before`.
void SetCondition(const google::protobuf::RepeatedPtrField<v1::Condition>& before, v1::Condition condition,
                  absl::Time now, google::protobuf::RepeatedPtrField<v1::Condition>& conditions);
v1::Condition MakeCondition(std::string_view type, bool is_true, std::string_view reason,
                            std::string message);

}  // namespace perigee::control
