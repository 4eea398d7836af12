// Why something is not as asked, in one screen, with the next step: from
// conditions, replica states, freshness and the reason table. Pure.
//
//   response = Explain(SnapshotForExplain(model, object), clock.Now());
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "control-plane/controllers/snapshot.h"
#include "proto/perigee/v1/cloud_service.pb.h"

namespace perigee::control {

struct ExplainSnapshot {
  ObjectPtr object;  // of any kind
  // What bears on it.
  std::vector<AssignmentPtr> assignments;
  std::map<std::string, SatellitePtr> satellites;  // by uid
};
ExplainSnapshot SnapshotForExplain(const Model& model, ObjectPtr object);

v1::ExplainResponse Explain(const ExplainSnapshot& snapshot, absl::Time now);

}  // namespace perigee::control
