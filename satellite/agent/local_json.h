// `perigee-satellite status -o json`: the local view for programs. Field names are promises. Pure.
#pragma once

#include <string>

#include "satellite/agent/local_view.h"

namespace perigee::satellite {

// One object, indented, with a newline. Times are RFC 3339 UTC.
std::string FormatViewAsJson(const LocalView& view);

}  // namespace perigee::satellite
