// Named places where a test makes the program fail or die. Off, one relaxed
// load. Armed by the environment: PERIGEE_FAILPOINTS="store.commit=crash@3;shim.spawn=error"
// (crash: SIGKILL to itself; error: UNAVAILABLE; @N: from the N-th passage on, that one only).
//
//   PERIGEE_FAILPOINT("state.apply.before_commit");   // in a function that returns Status(Or)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace perigee {

[[nodiscard]] absl::Status PassFailpoint(std::string_view name);
// For unit tests; replaces what the environment armed. Empty disarms.
void ArmFailpoints(std::string_view specification);

}  // namespace perigee

#define PERIGEE_FAILPOINT(name)                                                                      \
  do {                                                                                               \
    if (auto perigee_fail = ::perigee::PassFailpoint(name); !perigee_fail.ok()) return perigee_fail; \
  } while (false)
