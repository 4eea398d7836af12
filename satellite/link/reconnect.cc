#include "satellite/link/reconnect.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace perigee::satellite {

absl::Duration Reconnect::Next(double fraction, absl::Duration not_before) {
  const absl::Duration wait = FullJitter(policy_, failures_++, fraction);
  // Where a time is asked for, the jitter comes on top: others were asked for the same.
  return not_before > absl::ZeroDuration() ? not_before + std::min(wait, not_before / 4) : wait;
}

bool LooksRefused(const absl::Status& ended) {
  if (!absl::IsUnavailable(ended)) return false;
  for (const absl::string_view text : {"Socket closed", "andshake", "reset by peer", "Broken pipe"}) {
    if (absl::StrContains(ended.message(), text)) return true;
  }
  return false;
}

bool RenewalDue(absl::Time not_before, absl::Time not_after, absl::Time now) {
  return now >= not_before + (not_after - not_before) / 3;
}

}  // namespace perigee::satellite
