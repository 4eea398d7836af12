// What a satellite reports, judged before it is stored. A message says nothing about its sender: the satellite is the one
// of the certificate, and what it says about another one's replicas ends its session. Pure but for looking into the model.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control-plane/watch/model.h"
#include "proto/perigee/v1/satellite.pb.h"

namespace perigee::control {

// Makes text of a site harmless to print, at most that many bytes.
using TextSanitizer = std::function<std::string(std::string_view text, size_t limit)>;

struct JudgedStatus {
  std::vector<std::pair<std::string, v1::AssignmentStatus>> assignments;  // uid -> status to store
  std::vector<v1::Condition> conditions;                                  // of the satellite
  bool unknown = false;  // names an assignment that the model does not hold (yet, or any more)
};

// PERMISSION_DENIED names the assignment of another satellite. With `full`, an assignment that is to go and is not named
// is gone.
[[nodiscard]] absl::StatusOr<JudgedStatus> JudgeStatus(const Model& model, const std::string& satellite_uid,
                                                       const v1::StatusDelta& status,
                                                       const TextSanitizer& sanitize, absl::Time now);

// Events as they are stored: named, bound to their sender, made harmless. PERMISSION_DENIED as above.
[[nodiscard]] absl::StatusOr<std::vector<v1::Event>> JudgeEvents(const Model& model,
                                                                 const std::string& satellite_uid,
                                                                 const v1::EventBatch& batch,
                                                                 const TextSanitizer& sanitize);

}  // namespace perigee::control
