// What a replica takes of a host, and what a host has: the arithmetic of placement.
// Quantities are thousandths, as shared/resource/quantity.h gives them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/workload.pb.h"

namespace perigee::control {

using Quantities = std::map<std::string, int64_t>;  // resource name -> thousandths

struct Needs {
  Quantities resources;
  // Fixed ports of the host. A UDP and a TCP port of one number do not collide.
  std::set<int32_t> tcp_ports;
  std::set<int32_t> udp_ports;
  bool operator==(const Needs&) const = default;
};

// Sums the tasks. INVALID_ARGUMENT for a quantity that does not parse.
absl::StatusOr<Needs> NeedsOf(const v1::WorkloadTemplate& workload_template);
// As committed with the assignment. A quantity that does not parse (nothing commits one) counts as none.
Needs NeedsOf(const v1::Assignment& assignment);
// Writes requests, host_ports and udp_host_ports of `spec`.
void SetNeeds(const Needs& needs, v1::AssignmentSpec& spec);

// Capacity as the satellite reported it. What it does not report, or what does not parse, is not limiting.
Quantities CapacityOf(const v1::SatelliteFacts& facts);

// a + b, saturating; ports united.
void AddNeeds(const Needs& more, Needs& sum);
// For each resource the larger of the two; ports united.
Needs Larger(const Needs& a, const Needs& b);

}  // namespace perigee::control
