#include "control-plane/cloudctl/times.h"

#include "absl/strings/str_cat.h"

namespace perigee::control {

absl::Time ToTime(const google::protobuf::Timestamp& stamp) {
  return absl::FromUnixSeconds(stamp.seconds()) + absl::Nanoseconds(stamp.nanos());
}

std::string ClockText(const google::protobuf::Timestamp& stamp, absl::Time now, absl::TimeZone zone) {
  if (stamp.seconds() == 0) return "";
  const absl::Time time = ToTime(stamp);
  const bool today = absl::ToCivilDay(time, zone) == absl::ToCivilDay(now, zone);
  return absl::FormatTime(today ? "%H:%M" : "%Y-%m-%d %H:%M", time, zone);
}

std::string ExactText(const google::protobuf::Timestamp& stamp, absl::TimeZone zone) {
  return stamp.seconds() == 0 ? "" : absl::FormatTime("%Y-%m-%d %H:%M:%S", ToTime(stamp), zone);
}

std::string AgeText(const google::protobuf::Timestamp& stamp, absl::Time now) {
  if (stamp.seconds() == 0) return "";
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(now - ToTime(stamp)));
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  if (seconds < 2 * kMinute) return absl::StrCat(seconds, "s");
  if (seconds < 2 * kHour) return absl::StrCat(seconds / kMinute, "m");
  if (seconds < 2 * kDay) return absl::StrCat(seconds / kHour, "h");
  return absl::StrCat(seconds / kDay, "d");
}

std::string FreshnessText(const v1::Freshness& freshness, absl::Time now, absl::TimeZone zone) {
  if (freshness.state() == "live") return "live";
  if (freshness.state() != "stale") return "unknown since restart";
  const std::string since = ClockText(freshness.since(), now, zone);
  return since.empty() ? "stale" : absl::StrCat("stale since ", since);
}

std::string ContactText(const v1::SatelliteStatus& status, absl::Time now, absl::TimeZone zone) {
  const std::string& state = status.freshness().state();
  if (state != "live" && state != "stale" && !status.has_last_contact()) return "never connected";
  return FreshnessText(status.freshness(), now, zone);
}

Cell StateCell(const std::string& state, Tone tone, const v1::Freshness& freshness, absl::Time now,
               absl::TimeZone zone) {
  if (freshness.state() == "live" || state.empty()) return {state, tone};
  return {absl::StrCat(state, ", ", FreshnessText(freshness, now, zone)), Tone::kWarn};
}

}  // namespace perigee::control
