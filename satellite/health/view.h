// What the probes say about one run of one replica.
#pragma once

#include <string>

namespace perigee::satellite {

struct HealthView {
  bool started = true;  // the startup probe has passed, or there is none
  bool ready = true;    // the readiness probe passes, or there is none
  bool alive = true;    // false: the liveness probe (or the startup probe, for good) has failed
  bool known = true;    // false: as an earlier agent recorded it; the probes of this one have not decided yet
  std::string message;  // of the probe that fails
  bool operator==(const HealthView&) const = default;
};

}  // namespace perigee::satellite
