// The output forms of every command that prints objects: table, wide, yaml,
// json, name and jsonpath=….
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control-plane/cloudctl/session.h"
#include "shared/resource/node.h"

namespace CLI {
class Option;
}

namespace perigee::control {

struct OutputForm {
  enum class Type { kTable, kWide, kYaml, kJson, kName, kJsonPath };
  Type type = Type::kTable;
  std::string path;  // of kJsonPath
};
absl::StatusOr<OutputForm> ParseOutputForm(const std::string& text);
bool IsTable(const OutputForm& form);
// Of tables: -o wide leaves nothing out.
Rendering RenderingFor(const Session& session, const OutputForm& form);

// "workload/web"
std::string ShortName(const google::protobuf::Message& object);
std::string ShortName(const v1::ObjectReference& reference);

// One object as `get KIND NAME`, or a list as `get KIND`.
absl::Status PrintObject(Session& session, const OutputForm& form, const google::protobuf::Message& object);
absl::Status PrintObjects(Session& session, const OutputForm& form, const KindInfo& kind,
                          const std::vector<v1::Resource>& resources);
// As one List, whatever the kinds; not for tables.
absl::Status PrintList(Session& session, const OutputForm& form, const std::vector<v1::Resource>& resources);
// yaml, json or jsonpath=….
absl::Status PrintNode(Session& session, const OutputForm& form, const Node& node);

// The option --limit of a command that lists: how many objects are asked for at most.
CLI::Option* AddLimitOption(CLI::App& command, size_t& limit, const char* what);
// The option -o of a command, described with its examples.
void AddOutputOption(CLI::App& command, std::string& text);

}  // namespace perigee::control
