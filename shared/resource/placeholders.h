// ${site.name}, ${site.values.KEY}, ${satellite.name} and ${satellite.address} in
// texts of workloads and Configs. Everything else with a `$` is left as it is,
// so shell and nginx variables pass through.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace perigee {

// `values` is keyed by what stands inside the braces ("site.values.city"). Those that were replaced are
// added to `used` (may be null). NOT_FOUND names the missing value. One pass: a value is not searched again.
absl::StatusOr<std::string> Resolve(std::string_view text, const std::map<std::string, std::string>& values,
                                    std::map<std::string, std::string>* used);

// A `${...}` that Resolve leaves as it is, though its author meant one of ours.
struct UnknownPlaceholder {
  std::string message;     // which it is, and what there is
  std::string suggestion;  // "${site.name}"; empty when none is near
};
// The first in a text of a workload. Meant are: what begins with `site.` or `satellite.` or something near them, and
// `${site}` and `${satellite}` themselves. Not meant are what a shell knows (${HOME}, ${site:-x}) and $${...}.
std::optional<UnknownPlaceholder> FindUnknownPlaceholder(std::string_view text);
// The first in a text of a Config, which belongs to a program with variables of its own: only what begins with exactly
// `site.` or `satellite.` and goes on like a word of ours.
std::optional<UnknownPlaceholder> FindMistypedPlaceholder(std::string_view text);

}  // namespace perigee
