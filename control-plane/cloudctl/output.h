// The output forms of every command that prints objects: table, wide, yaml,
// json, name and jsonpath=….
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control-plane/cloudctl/session.h"

namespace perigee::control {

struct OutputForm {
  enum class Type { kTable, kWide, kYaml, kJson, kName, kJsonPath };
  Type type = Type::kTable;
  std::string path;  // of kJsonPath
};
absl::StatusOr<OutputForm> ParseOutputForm(const std::string& text);

// "workload/web"
std::string ShortName(const google::protobuf::Message& object);
std::string ShortName(const v1::ObjectReference& reference);

// One object as `get KIND NAME`, or a list as `get KIND`.
absl::Status PrintObject(Session& session, const OutputForm& form, const google::protobuf::Message& object);
absl::Status PrintObjects(Session& session, const OutputForm& form, const KindInfo& kind,
                          const std::vector<v1::Resource>& resources);

// The option -o of a command, described with its examples.
void AddOutputOption(CLI::App& command, std::string& text);

}  // namespace perigee::control
