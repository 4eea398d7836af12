// What a host says about itself is shown to people and used by placement: bounded
// and made harmless before it is stored. Pure.
#pragma once

#include <string>
#include <string_view>

#include "proto/perigee/v1/cloud.pb.h"

namespace perigee::control {

// Valid UTF-8 without control, bidirectional or invisible characters, at most `limit` bytes.
std::string SanitizeText(std::string_view text, size_t limit);
// All strings sanitized; lists and maps cut to their limits; quantities that do not parse left out.
v1::SatelliteFacts SanitizeFacts(const v1::SatelliteFacts& facts);

}  // namespace perigee::control
