// The one retry helper: exponential with full jitter
// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). Pure.
#pragma once

#include "absl/time/time.h"

namespace perigee {

struct BackoffPolicy {
  absl::Duration initial = absl::Seconds(1);
  absl::Duration max = absl::Seconds(30);
};

// The wait before attempt `attempt` (from 0): fraction * min(max, initial * 2^attempt), fraction in [0, 1).
absl::Duration FullJitter(const BackoffPolicy& policy, int attempt, double fraction);
// The same without jitter, for restarts of one replica, which do not herd.
absl::Duration Exponential(const BackoffPolicy& policy, int attempt);

}  // namespace perigee
