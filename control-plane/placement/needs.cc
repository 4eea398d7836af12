#include "control-plane/placement/needs.h"

#include <algorithm>
#include <limits>

#include "shared/base/status.h"
#include "shared/resource/quantity.h"

namespace perigee::control {
namespace {

int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

void AddPorts(const v1::WorkloadTask& task, Needs& needs) {
  for (const auto& port : task.ports()) {
    if (port.host().mode() == "auto") continue;
    const int32_t number = port.host().number() != 0 ? port.host().number() : port.port();
    (port.protocol() == "udp" ? needs.udp_ports : needs.tcp_ports).insert(number);
  }
}

}  // namespace

absl::StatusOr<Needs> NeedsOf(const v1::WorkloadTemplate& workload_template) {
  Needs needs;
  for (const auto& task : workload_template.tasks()) {
    for (const auto& [name, text] : task.resources()) {
      PERIGEE_ASSIGN_OR_RETURN(const int64_t quantity, ParseQuantity(text));
      int64_t& sum = needs.resources[name];
      sum = SaturatingAdd(sum, quantity);
    }
    AddPorts(task, needs);
  }
  return needs;
}

Needs NeedsOf(const v1::Assignment& assignment) {
  Needs needs;
  for (const auto& [name, text] : assignment.spec().requests()) {
    if (auto quantity = ParseQuantity(text); quantity.ok()) needs.resources[name] = *quantity;
  }
  needs.udp_ports.insert(assignment.spec().udp_host_ports().begin(),
                         assignment.spec().udp_host_ports().end());
  // A number may be both: then it stands twice in host_ports.
  std::multiset<int32_t> all(assignment.spec().host_ports().begin(), assignment.spec().host_ports().end());
  for (const int32_t port : needs.udp_ports) {
    if (auto it = all.find(port); it != all.end()) all.erase(it);
  }
  needs.tcp_ports.insert(all.begin(), all.end());
  return needs;
}

void SetNeeds(const Needs& needs, v1::AssignmentSpec& spec) {
  spec.clear_requests();
  for (const auto& [name, quantity] : needs.resources)
    (*spec.mutable_requests())[name] = FormatQuantity(quantity);
  std::multiset<int32_t> all(needs.tcp_ports.begin(), needs.tcp_ports.end());
  all.insert(needs.udp_ports.begin(), needs.udp_ports.end());
  spec.mutable_host_ports()->Assign(all.begin(), all.end());
  spec.mutable_udp_host_ports()->Assign(needs.udp_ports.begin(), needs.udp_ports.end());
}

Quantities CapacityOf(const v1::SatelliteFacts& facts) {
  Quantities capacity;
  for (const auto& [name, text] : facts.capacity()) {
    if (auto quantity = ParseQuantity(text); quantity.ok()) capacity[name] = *quantity;
  }
  return capacity;
}

void AddNeeds(const Needs& more, Needs& sum) {
  for (const auto& [name, quantity] : more.resources) {
    int64_t& total = sum.resources[name];
    total = SaturatingAdd(total, quantity);
  }
  sum.tcp_ports.insert(more.tcp_ports.begin(), more.tcp_ports.end());
  sum.udp_ports.insert(more.udp_ports.begin(), more.udp_ports.end());
}

Needs Larger(const Needs& a, const Needs& b) {
  Needs larger = a;
  for (const auto& [name, quantity] : b.resources) {
    int64_t& most = larger.resources[name];
    most = std::max(most, quantity);
  }
  larger.tcp_ports.insert(b.tcp_ports.begin(), b.tcp_ports.end());
  larger.udp_ports.insert(b.udp_ports.begin(), b.udp_ports.end());
  return larger;
}

}  // namespace perigee::control
