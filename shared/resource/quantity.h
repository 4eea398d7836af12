// Quantities as in Kubernetes ("500m", "256Mi", "2") and durations ("1m30s", "90d").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace perigee {

// In thousandths: "500m" is 500, "1" is 1000, "256Mi" is 256 * 2^20 * 1000. Suffixes m, k, M, G, T, P,
// Ki, Mi, Gi, Ti, Pi. INVALID_ARGUMENT when it is not exact in thousandths, negative or too large.
absl::StatusOr<int64_t> ParseQuantity(std::string_view text);
// The shortest text of that many thousandths, with binary suffixes where exact: 500 is "500m".
std::string FormatQuantity(int64_t thousandths);

// A sequence of number and unit (d, first; h, m, s, ms), such as "90s", "1m30s" or "90d"; whole milliseconds, at
// most ten years, not negative. A day is 24 hours.
absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);
// Back to text that ParseDuration takes, for durations that it can give.
std::string DurationText(absl::Duration duration);

}  // namespace perigee
