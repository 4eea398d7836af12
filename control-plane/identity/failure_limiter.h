// Counts failed attempts per address in a sliding window, so that guessing is
// slow and nobody else is locked out by it. Thread-safe, bounded in memory.
//
//   if (absl::Duration wait = limiter.Begin(address, now); wait > absl::ZeroDuration()) return Refuse(wait);
//   if (right) limiter.Succeed(address);
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace perigee::control {

class FailureLimiter {
 public:
  FailureLimiter(int failures, absl::Duration window) : failures_(failures), window_(window) {}

  // Zero: the attempt may go on, and counts as failed until it succeeds, so that attempts
  // at the same moment cannot all pass. Else how long the address has to wait.
  absl::Duration Begin(std::string_view address, absl::Time now);
  // The attempt begun last was none that failed.
  void Succeed(std::string_view address);

 private:
  void MakeRoom(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int failures_;
  const absl::Duration window_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::deque<absl::Time>> failed_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_sweep_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace perigee::control
