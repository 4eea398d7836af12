// What this host is, for the Hello and for enrolment. Read from the machine, never asked of the network.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "proto/perigee/v1/cloud.pb.h"

namespace perigee::satellite {

struct FactOverrides {
  std::string address;                          // --address; empty: 127.0.0.1
  std::map<std::string, std::string> capacity;  // --capacity; lies over what was measured
};

v1::SatelliteFacts GatherFacts(const FactOverrides& overrides);

// "cpu=4,memory=8Gi". INVALID_ARGUMENT names the part that is wrong.
absl::StatusOr<std::map<std::string, std::string>> ParseCapacity(std::string_view text);
// PRETTY_NAME of the text of an os-release file; empty when it has none.
std::string PrettyName(std::string_view os_release);
// MemTotal of the text of /proc/meminfo, as a quantity; empty when it has none.
std::string TotalMemory(std::string_view meminfo);

}  // namespace perigee::satellite
