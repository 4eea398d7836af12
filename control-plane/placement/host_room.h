// What is taken on one host while a plan is made. Of placement only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control-plane/placement/placement.h"

namespace perigee::control {

// Why a replica has no room on a host.
struct Shortage {
  bool of_ports_only = false;
  std::string text;  // "memory is short by 256Mi (asks 512Mi, free 256Mi of 1Gi)"
};

class HostRoom {
 public:
  explicit HostRoom(const PlaceHost& host) : host_(&host) {}

  const PlaceHost& host() const { return *host_; }
  void Take(const Placed& placed);
  // `placed`, which is here, grows to `needs`.
  void Grow(const Placed& placed, const Needs& needs);
  void TakeNew(const std::string& workload, const Needs& needs);

  // Both empty: there is room. `own`: what the replica that asks has here already.
  std::vector<std::string> ShortOf(const Needs& needs, const Needs& own) const;
  std::vector<std::string> PortsTaken(const Needs& needs, const std::string& own_uid) const;
  bool Fits(const Needs& needs) const;
  Shortage WhyNot(const Needs& needs, const Placed* own) const;

  // Free share of cpu and memory together, in millionths; what is not reported counts as free.
  int64_t FreeShare() const;
  int mine = 0;  // replicas of the workload that is being placed

 private:
  struct Owner {
    std::string uid;
    std::string workload;
  };
  const PlaceHost* host_;
  Quantities used_;
  std::map<int32_t, Owner> tcp_, udp_;
};

}  // namespace perigee::control
