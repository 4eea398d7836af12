// `perigee-satellite run`: puts the parts together. Runs as an ordinary user,
// and is the only part of a satellite that talks to the network. Replicas are
// started from the state before any link is tried; ending the agent, in whatever
// way, touches no replica.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "satellite/agent/facts.h"
#include "satellite/runtime/runtime.h"
#include "shared/base/clock.h"
#include "shared/base/random.h"

namespace perigee::satellite {

class Agent {
 public:
  struct Config {
    std::string data_dir;
    FactOverrides facts;
  };
  // FAILED_PRECONDITION when another agent runs on this data directory, or it is not enrolled.
  static absl::StatusOr<std::unique_ptr<Agent>> Start(Config config, std::unique_ptr<Runtime> runtime,
                                                      const Clock& clock, Random& random);
  virtual ~Agent() = default;
};

}  // namespace perigee::satellite
