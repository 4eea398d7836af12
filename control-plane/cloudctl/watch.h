// What `get -w` and `events -w` do: print what is there, then a line for each change, until Ctrl-C.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "control-plane/cloudctl/output.h"
#include "control-plane/cloudctl/session.h"

namespace perigee::control {

struct Watched {
  Target target;  // only the object of its name when it has one
  std::string selector;
  v1::ObjectReference about;  // of events: only those of this object and of its replicas; else empty
};

// Returns when the server or the output ends.
absl::Status Watch(Session& session, const OutputForm& form, const Watched& watched);

}  // namespace perigee::control
