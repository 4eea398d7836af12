// Asking one probe once: a TCP connection, one HTTP GET, or one command, each
// bounded in time and bytes, without blocking. The owner polls `fd()` for
// `events()` and calls Advance when it is ready or its patience has run out.
//
// An exec probe runs inside the replica, confined as its process is, with its public
// environment, without a shell, its output dropped (ExecRequest). What keeps it from
// being run is no verdict on the replica: such a result is unknown.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "satellite/health/probe_state.h"
#include "satellite/runtime/runtime.h"

namespace perigee::satellite {

struct Question {
  std::string id;  // the replica's
  ProbeTarget target;
  absl::Duration timeout;
};

// Not thread-safe.
class Attempt {
 public:
  virtual ~Attempt() = default;
  virtual int fd() const = 0;
  virtual short events() const = 0;  // as poll(2) takes them
  // Goes as far as it can. A result when it is done.
  virtual std::optional<ProbeResult> Advance() = 0;
  // How long to wait for a result, and the result when none has come.
  virtual absl::Duration Patience() const = 0;
  virtual ProbeResult TooLate() const = 0;
};

// `runtime` runs commands. A failure to begin is a failed probe, of a command an unknown one: it comes as an error.
absl::StatusOr<std::unique_ptr<Attempt>> BeginAttempt(const Question& question, Runtime& runtime);

}  // namespace perigee::satellite
