#include "control-plane/controllers/lost.h"

#include <algorithm>

#include "shared/resource/quantity.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kMargin = absl::Seconds(10);

// stopAfter + grace + 10 % + 10 s.
absl::Duration LeaseOf(const v1::WorkloadRevisionSpec& revision) {
  const auto stop_after = ParseDuration(revision.on_disconnect().stop_after());
  if (!stop_after.ok()) return absl::ZeroDuration();
  absl::Duration grace;
  for (const auto& task : revision.template_().tasks()) {
    const auto asked = ParseDuration(task.stop().grace());
    if (asked.ok()) grace = std::max(grace, *asked);
  }
  return *stop_after + grace + *stop_after / 10 + kMargin;
}

}  // namespace

absl::Duration LongestLease(const WorkloadSnapshot& snapshot) {
  absl::Duration longest;
  for (const auto& revision : snapshot.revisions) longest = std::max(longest, LeaseOf(revision->spec()));
  return longest;
}

bool IsLost(const v1::Satellite* satellite, absl::Duration lease, absl::Time now) {
  if (satellite == nullptr) return true;
  const auto& revoked = satellite->operations().revoked();
  // Revocation ends the sessions: no heartbeat is answered after it.
  return revoked.active() && now >= FromTimestamp(revoked.since()) + lease;
}

}  // namespace perigee::control
