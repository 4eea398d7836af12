// What `get -w` and `events -w` do: print what is there, then a line for each change, until Ctrl-C.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "control-plane/cloudctl/output.h"
#include "control-plane/cloudctl/session.h"

namespace perigee::control {

// Only the object of `target.name` when it has one. Returns when the server or the output ends.
absl::Status Watch(Session& session, const OutputForm& form, const Target& target,
                   const std::string& selector);

}  // namespace perigee::control
