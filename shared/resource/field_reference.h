// The fields of a kind, as the schema states them: for people who write manifests.
//
//   for (const FieldRow& row : *FieldsOf(*FindKind("workload"), "spec.rollout")) …
//
// Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "shared/resource/registry.h"

namespace perigee {

struct FieldRow {
  std::string path;  // from the object: "spec.template.tasks[].command"; "{}" is a key of a map
  std::string type;  // "text", "duration", "list of text", …
  std::string note;  // required, words, default, what is refused yet; empty when there is nothing to say
};

// `path`: a field, with or without "[]" and "{}"; empty: all but status and operations, which nobody writes.
// NOT_FOUND names the nearest field.
absl::StatusOr<std::vector<FieldRow>> FieldsOf(const KindInfo& kind, std::string_view path);

}  // namespace perigee
