// Errors as application/problem+json (RFC 9457). Pure.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace perigee::control {

struct Problem {
  int status = 500;  // of HTTP
  std::string body;  // {"title", "status", "code", "detail", "next"}
};

// `detail` says what is wrong, `next` what to do: what follows the last "; " of the message, or advice of
// the code. What INTERNAL, UNKNOWN and DATA_LOSS say stays here, for it was not written for strangers.
Problem ProblemFor(const absl::Status& status);

// For what HTTP itself refuses.
std::string ProblemBody(int http_status, const std::string& detail, const std::string& next);

}  // namespace perigee::control
