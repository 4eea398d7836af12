// What one object names of others, and whether it is there.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "proto/perigee/v1/workload.pb.h"

namespace perigee::control {

// One key of a Config or Secret that a workload uses.
struct KeyUse {
  std::string kind;  // "Config" or "Secret"
  std::string name;
  std::string key;
  std::string field;  // "spec.template.tasks[0].env[1].fromConfig"
};
std::vector<KeyUse> KeysUsed(const v1::WorkloadTemplate& workload_template);
bool Uses(const v1::WorkloadTemplate& workload_template, std::string_view kind, std::string_view name);

// How references are looked up: in what is being applied, else in what is stored. Null: there is none, or it
// is being deleted.
using Lookup = std::function<absl::StatusOr<std::shared_ptr<const google::protobuf::Message>>(
    std::string_view kind, std::string_view project, std::string_view name)>;

// The project of `object`, and for a Workload the Configs and Secrets with their keys (of a Secret: in
// status.keys or spec.data). A failed lookup is an error of its own.
[[nodiscard]] absl::StatusOr<std::vector<v1::FieldError>> CheckReferences(
    const google::protobuf::Message& object, const Lookup& lookup);

}  // namespace perigee::control
