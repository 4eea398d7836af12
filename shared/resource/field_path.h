// Paths of fields, as messages to people and the source map write them:
// spec.template.tasks[0].env[1].name, spec.data["nginx.conf"].
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace perigee {

std::string FieldPath(std::string_view parent, std::string_view field);
std::string ElementPath(std::string_view parent, size_t index);
std::string KeyPath(std::string_view parent, std::string_view key);
// Without the last part; empty for a top-level field.
std::string_view ParentPath(std::string_view path);

// How many single-character changes and swaps of neighbours lead from `a` to `b`, ignoring case; at most
// `limit` + 1.
size_t EditDistance(std::string_view a, std::string_view b, size_t limit);

}  // namespace perigee
