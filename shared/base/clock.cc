#include "shared/base/clock.h"

#include <time.h>

#include "shared/base/status.h"

namespace perigee {
namespace {

class MachineClock final : public Clock {
 public:
  absl::Time Now() const override {
    timespec now;
    PERIGEE_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return absl::TimeFromTimespec(now);
  }
  std::chrono::nanoseconds SinceBoot() const override {
    timespec now;
    PERIGEE_ASSERT(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  }
};

}  // namespace

const Clock& SystemClock() {
  static const MachineClock* const clock = new MachineClock();
  return *clock;
}

FakeClock::FakeClock(absl::Time start) : now_(start) {}

absl::Time FakeClock::Now() const {
  absl::MutexLock lock(&mutex_);
  return now_;
}

std::chrono::nanoseconds FakeClock::SinceBoot() const {
  absl::MutexLock lock(&mutex_);
  return since_boot_;
}

void FakeClock::Advance(absl::Duration by) {
  absl::MutexLock lock(&mutex_);
  now_ += by;
  since_boot_ += absl::ToChronoNanoseconds(by);
}

void FakeClock::Step(absl::Duration by) {
  absl::MutexLock lock(&mutex_);
  now_ += by;
}

}  // namespace perigee
