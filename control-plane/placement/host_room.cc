#include "control-plane/placement/host_room.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shared/resource/quantity.h"

namespace perigee::control {
namespace {

int64_t QuantityIn(const Quantities& quantities, const std::string& name) {
  const auto it = quantities.find(name);
  return it == quantities.end() ? 0 : it->second;
}

int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

}  // namespace

void HostRoom::Take(const Placed& placed) {
  for (const auto& [name, quantity] : placed.needs.resources) {
    int64_t& used = used_[name];
    used = SaturatingAdd(used, quantity);
  }
  const Owner owner{placed.assignment_uid, placed.workload};
  for (const int32_t port : placed.needs.tcp_ports) tcp_.emplace(port, owner);
  for (const int32_t port : placed.needs.udp_ports) udp_.emplace(port, owner);
}

void HostRoom::Grow(const Placed& placed, const Needs& needs) {
  for (const auto& [name, quantity] : needs.resources) {
    const int64_t more = quantity - QuantityIn(placed.needs.resources, name);
    if (more > 0) used_[name] = SaturatingAdd(used_[name], more);
  }
  const Owner owner{placed.assignment_uid, placed.workload};
  for (const int32_t port : needs.tcp_ports) tcp_.emplace(port, owner);
  for (const int32_t port : needs.udp_ports) udp_.emplace(port, owner);
}

void HostRoom::TakeNew(const std::string& workload, const Needs& needs) {
  Take({.workload = workload, .needs = needs});
  ++mine;
}

std::vector<std::string> HostRoom::ShortOf(const Needs& needs, const Needs& own) const {
  std::vector<std::string> shortages;
  for (const auto& [name, asked] : needs.resources) {
    const auto capacity = host_->capacity.find(name);
    const int64_t had = QuantityIn(own.resources, name);
    if (capacity == host_->capacity.end() || asked <= had) continue;
    const int64_t used = QuantityIn(used_, name) - had;
    const int64_t free = capacity->second - used;
    if (asked <= free) continue;
    shortages.push_back(
        absl::StrCat(name, " is short by ", FormatQuantity(asked - std::max<int64_t>(free, 0)), " (asks ",
                     FormatQuantity(asked), ", free ", FormatQuantity(std::max<int64_t>(free, 0)), " of ",
                     FormatQuantity(capacity->second), ")"));
  }
  return shortages;
}

std::vector<std::string> HostRoom::PortsTaken(const Needs& needs, const std::string& own_uid) const {
  std::vector<std::string> taken;
  const auto check = [&](const std::set<int32_t>& wanted, const std::map<int32_t, Owner>& owners,
                         const char* protocol) {
    for (const int32_t port : wanted) {
      const auto it = owners.find(port);
      if (it == owners.end() || (!own_uid.empty() && it->second.uid == own_uid)) continue;
      taken.push_back(
          absl::StrCat("port ", port, "/", protocol, " is taken by workload ", it->second.workload));
    }
  };
  check(needs.tcp_ports, tcp_, "tcp");
  check(needs.udp_ports, udp_, "udp");
  return taken;
}

bool HostRoom::Fits(const Needs& needs) const {
  return ShortOf(needs, {}).empty() && PortsTaken(needs, "").empty();
}

Shortage HostRoom::WhyNot(const Needs& needs, const Placed* own) const {
  std::vector<std::string> all = ShortOf(needs, own == nullptr ? Needs{} : own->needs);
  const bool resources = !all.empty();
  for (auto& port : PortsTaken(needs, own == nullptr ? "" : own->assignment_uid))
    all.push_back(std::move(port));
  return {.of_ports_only = !resources && !all.empty(), .text = absl::StrJoin(all, ", ")};
}

int64_t HostRoom::FreeShare() const {
  int64_t share = 0;
  for (const std::string name : {"cpu", "memory"}) {
    const auto capacity = host_->capacity.find(name);
    if (capacity == host_->capacity.end()) {
      share += 1'000'000;
    } else if (capacity->second > 0) {
      const __int128 free = std::max<int64_t>(capacity->second - QuantityIn(used_, name), 0);
      share += static_cast<int64_t>(free * 1'000'000 / capacity->second);
    }
  }
  return share;
}

}  // namespace perigee::control
