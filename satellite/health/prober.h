// Asking one probe once: a TCP connection, one HTTP GET, or one command, each
// bounded in time and bytes, without blocking. The owner polls `fd()` for
// `events()` and calls Advance when it is ready or the deadline has come.
//
// An exec probe runs as the agent's user with the replica's environment (in this
// release not inside the replica's namespaces), without a shell, its output dropped.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "satellite/health/probe_state.h"

namespace perigee::satellite {

// Not thread-safe.
class Attempt {
 public:
  virtual ~Attempt() = default;  // ends what is still under way
  virtual int fd() const = 0;
  virtual short events() const = 0;  // as poll(2) takes them
  // Goes as far as it can. A result when it is done.
  virtual std::optional<ProbeResult> Advance() = 0;
};

// A failure to begin is a failed probe: it comes as an error.
absl::StatusOr<std::unique_ptr<Attempt>> BeginAttempt(const ProbeTarget& target);

}  // namespace perigee::satellite
