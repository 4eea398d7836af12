// A part of JSONPath, as kubectl has it: {.items[*].metadata.name},
// {.metadata.labels['a.b']}, {.spec.tasks[0]}, {.items[-1]}, {..name} is not in it,
// {.items[?(@.status.state=="Ready")].metadata.name}, {range .items[*]}…{end},
// {"\n"}, and text outside of braces.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "shared/resource/node.h"

namespace perigee::control {

// Several results are separated by a space. What is not there is empty. INVALID_ARGUMENT says where the
// template is wrong.
absl::StatusOr<std::string> EvaluateJsonPath(std::string_view path_template, const Node& root);

}  // namespace perigee::control
