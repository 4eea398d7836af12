// Waiting that the wall clock cannot disturb. absl::Mutex and absl::CondVar turn
// a timeout into a moment of CLOCK_REALTIME, so a machine whose clock is set back
// by an hour would oversleep by an hour; poll() counts on CLOCK_MONOTONIC.
#pragma once

#include "absl/time/time.h"
#include "shared/base/files.h"

namespace perigee {

// Thread-safe. Meant for one waiting thread.
class Wakeup {
 public:
  Wakeup();  // aborts when the process has no file descriptors left
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Ends the current or the next wait; several before a wait are one. Async-signal-safe.
  void Notify();
  // True when notified, false after `timeout` (absl::InfiniteDuration(): never).
  bool WaitFor(absl::Duration timeout);

 private:
  Fd event_;
};

// poll()'s argument: milliseconds, rounded up, -1 for InfiniteDuration().
int PollTimeout(absl::Duration timeout);

}  // namespace perigee
