// Bodies of requests and answers: the JSON mapping of Protobuf messages.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace perigee::control {

// Strict: an unknown field, a wrong type, deep nesting or invalid UTF-8 is INVALID_ARGUMENT. The
// error does not repeat values, which may be secrets.
[[nodiscard]] absl::Status ReadJson(const std::string& body, google::protobuf::Message& message);
std::string WriteJson(const google::protobuf::Message& message);

}  // namespace perigee::control
