#include "satellite/link/reconnect.h"

#include <algorithm>

namespace perigee::satellite {

absl::Duration Reconnect::Next(double fraction, absl::Duration not_before) {
  const absl::Duration wait = FullJitter(policy_, failures_++, fraction);
  // Where a time is asked for, the jitter comes on top: others were asked for the same.
  return not_before > absl::ZeroDuration() ? not_before + std::min(wait, not_before / 4) : wait;
}

bool RenewalDue(absl::Time not_before, absl::Time not_after, absl::Time now) {
  return now >= not_before + (not_after - not_before) / 3;
}

}  // namespace perigee::satellite
