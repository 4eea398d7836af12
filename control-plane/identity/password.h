// Passwords at rest: argon2id (RFC 9106) as a PHC string. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "shared/base/random.h"

namespace perigee::control {

absl::StatusOr<std::string> HashPassword(std::string_view password, Random& random);
// False for what is not a PHC string of argon2id, too.
bool VerifyPassword(std::string_view password, const std::string& phc);

}  // namespace perigee::control
