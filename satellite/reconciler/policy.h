// What a replica's entry says about its life, in the units of decisions. Pure.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "shared/base/backoff.h"

namespace perigee::satellite {

struct ReplicaPolicy {
  int stop_signal = 15;  // SIGTERM
  absl::Duration grace = absl::Seconds(10);
  BackoffPolicy restart{absl::Seconds(1), absl::Minutes(1)};
  absl::Duration soak = absl::Seconds(30);     // Ready that long: the previous revision is let go
  absl::Duration deadline = absl::Minutes(5);  // to become Ready before the site may go back
  std::optional<absl::Duration> stop_after;    // unset: keeps running while cut off

  // A run this long ends a series of restarts: the next wait is the first again.
  absl::Duration StableAfter() const { return std::max(restart.max, absl::Seconds(10)); }
};

// INVALID_ARGUMENT names the field; unset fields keep the values above.
absl::StatusOr<ReplicaPolicy> PolicyOf(const v1::ReplicaEntry& entry);
// The number of a stop signal by its name ("SIGTERM").
absl::StatusOr<int> SignalNumber(std::string_view name);

}  // namespace perigee::satellite
