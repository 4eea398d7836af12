#include "shared/base/wakeup.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>

#include "shared/base/status.h"

namespace perigee {

int PollTimeout(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return -1;
  if (timeout <= absl::ZeroDuration()) return 0;
  const int64_t milliseconds = absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1)));
  return static_cast<int>(std::min<int64_t>(milliseconds, std::numeric_limits<int>::max()));
}

Wakeup::Wakeup() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  PERIGEE_ASSERT(event_.valid());
}

void Wakeup::Notify() {
  const uint64_t one = 1;
  // A full counter means that the waiter has not looked yet, which is as good.
  [[maybe_unused]] const ssize_t written = write(event_.get(), &one, sizeof one);
}

bool Wakeup::WaitFor(absl::Duration timeout) {
  using SteadyClock = std::chrono::steady_clock;
  const auto start = SteadyClock::now();
  while (true) {
    const absl::Duration rest = timeout - absl::FromChrono(SteadyClock::now() - start);
    pollfd wait{event_.get(), POLLIN, 0};
    const int ready = poll(&wait, 1, PollTimeout(rest));
    if (ready > 0) {
      uint64_t count = 0;
      return read(event_.get(), &count, sizeof count) == sizeof count;
    }
    PERIGEE_ASSERT(ready == 0 || errno == EINTR);
    if (ready == 0 && absl::FromChrono(SteadyClock::now() - start) >= timeout) return false;
  }
}

}  // namespace perigee
