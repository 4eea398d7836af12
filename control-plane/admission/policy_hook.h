// Where further judges of intent plug in: placement ("impossible everywhere") now,
// policies in CEL later. Judges are pure and fast; they are asked once for each
// try to commit, under the door's lock.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control-plane/access/caller.h"
#include "google/protobuf/message.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "proto/perigee/v1/workload.pb.h"

namespace perigee::control {

struct Opinion {
  std::vector<v1::FieldError> errors;  // field, message, suggestion; any of them refuses the change
  std::vector<std::string> warnings;   // shown beside the result
};

// Whether a workload (with defaults) can be placed anywhere at all.
using PlacementCheck = std::function<Opinion(const v1::Workload& workload)>;

// What this changed Config or Secret (with its new version) would replace, a line for each workload.
using ReplacementForecast = std::function<std::vector<std::string>(const google::protobuf::Message& after)>;

class PolicyHook {
 public:
  virtual ~PolicyHook() = default;
  // `before` is null for a creation, `after` for a removal; both with defaults. Allows unless overridden.
  virtual Opinion Judge(const Caller& caller, std::string_view verb, const google::protobuf::Message* before,
                        const google::protobuf::Message* after);
};

}  // namespace perigee::control
