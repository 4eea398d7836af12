// Whether the wall clock may decide what cannot be undone. A clock that jumped may
// be wrong, so for a day it may not: time for a person, or NTP, to put it right.
#pragma once

#include <chrono>
#include <optional>

#include "absl/time/time.h"
#include "shared/base/clock.h"

namespace perigee::control {

// Not thread-safe.
class ClockTrust {
 public:
  explicit ClockTrust(const Clock& clock);
  // At a start: a wall clock more than a day from a time that it showed before counts as jumped.
  void CompareWithLastKnown(absl::Time last);
  // The wall clock's time, if it has gone with the time since boot for a day, or ever since the start. Ask
  // often: a jump is noticed by asking.
  std::optional<absl::Time> SteadyNow();

 private:
  struct Look {
    absl::Time wall;
    std::chrono::nanoseconds since_boot;
  };
  Look LookAtBoth() const;

  const Clock& clock_;
  Look last_;
  std::chrono::nanoseconds steady_from_{};  // since boot
};

}  // namespace perigee::control
