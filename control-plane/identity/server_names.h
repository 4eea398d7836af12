// What the server's certificate is called.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "shared/pki/issue.h"

namespace perigee::control {

// control-plane.perigee.internal, localhost, 127.0.0.1, ::1, `hostname` where it is a DNS name, and what is
// advertised (names or addresses), each once, sorted. INVALID_ARGUMENT for what is neither. Pure.
[[nodiscard]] absl::StatusOr<ServerNames> NamesOfServer(std::string_view hostname,
                                                        const std::vector<std::string>& advertised);
// Of this machine; empty when it has none.
std::string MachineHostname();

}  // namespace perigee::control
