// Time as an interface, so that decisions and tests never ask the machine.
#pragma once

#include <chrono>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace perigee {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time (CLOCK_REALTIME). May jump.
  virtual absl::Time Now() const = 0;
  // Time since boot including suspend (CLOCK_BOOTTIME). Never jumps; leases count on it.
  virtual std::chrono::nanoseconds SinceBoot() const = 0;
};

// The machine's clocks. Lives for ever.
const Clock& SystemClock();

// A clock that a test moves by hand.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time start);
  absl::Time Now() const override;
  std::chrono::nanoseconds SinceBoot() const override;
  void Advance(absl::Duration by);  // both clocks
  void Step(absl::Duration by);     // wall clock only, as an administrator or NTP would

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  std::chrono::nanoseconds since_boot_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace perigee
