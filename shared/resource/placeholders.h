// ${site.name}, ${site.values.KEY}, ${satellite.name} and ${satellite.address} in
// texts of workloads and Configs. Everything else with a `$` is left as it is,
// so shell and nginx variables pass through.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace perigee {

// `values` is keyed by what stands inside the braces ("site.values.city"). Those that were replaced are
// added to `used` (may be null). NOT_FOUND names the missing value. One pass: a value is not searched again.
absl::StatusOr<std::string> Resolve(std::string_view text, const std::map<std::string, std::string>& values,
                                    std::map<std::string, std::string>* used);

}  // namespace perigee
