#include "shared/base/backoff.h"

#include <algorithm>

namespace perigee {

absl::Duration Exponential(const BackoffPolicy& policy, int attempt) {
  absl::Duration wait = policy.initial;
  for (int i = 0; i < attempt && wait < policy.max; ++i) wait *= 2;
  return std::min(wait, policy.max);
}

absl::Duration FullJitter(const BackoffPolicy& policy, int attempt, double fraction) {
  return Exponential(policy, attempt) * fraction;
}

}  // namespace perigee
