// Times and freshness as people read them.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "shared/table/table.h"

namespace perigee::control {

absl::Time ToTime(const google::protobuf::Timestamp& stamp);
// "12:03", and for another day "2026-01-31 12:03"; empty when unset.
std::string ClockText(const google::protobuf::Timestamp& stamp, absl::Time now, absl::TimeZone zone);
// "2026-01-31 12:03:04"; empty when unset.
std::string ExactText(const google::protobuf::Timestamp& stamp, absl::TimeZone zone);
// "12s", "5m", "3h", "2d": of the larger unit only.
std::string AgeText(const google::protobuf::Timestamp& stamp, absl::Time now);

// "live", "stale since 12:03", "unknown since restart".
std::string FreshnessText(const v1::Freshness& freshness, absl::Time now, absl::TimeZone zone);
// The same of a satellite; "never connected" of one that was enrolled and not heard since.
std::string ContactText(const v1::SatelliteStatus& status, absl::Time now, absl::TimeZone zone);
// A state as it may be shown: "Ready" only when the session is live, else "Ready, stale since 12:03".
Cell StateCell(const std::string& state, Tone tone, const v1::Freshness& freshness, absl::Time now,
               absl::TimeZone zone);

}  // namespace perigee::control
