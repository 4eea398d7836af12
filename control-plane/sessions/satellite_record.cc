#include "control-plane/sessions/satellite_record.h"

#include <utility>

#include "shared/session/moment.h"

namespace perigee::control {

bool SatelliteRecord::SetCondition(v1::Condition condition, absl::Time now) {
  v1::Condition& kept = conditions[condition.type()];
  const bool changed = kept.status() != condition.status() || kept.reason() != condition.reason() ||
                       kept.message() != condition.message();
  if (!changed) return false;
  if (kept.status() == condition.status() && kept.has_last_transition()) {
    *condition.mutable_last_transition() = kept.last_transition();
  } else {
    *condition.mutable_last_transition() = ToTimestamp(now);
  }
  *condition.mutable_observed_at() = ToTimestamp(now);
  kept = std::move(condition);
  return true;
}

bool SatelliteRecord::SetCondition(std::string_view type, bool is_true, std::string_view reason,
                                   std::string message, absl::Time now) {
  v1::Condition condition;
  condition.set_type(std::string(type));
  condition.set_status(is_true ? "True" : "False");
  condition.set_reason(std::string(reason));
  condition.set_message(std::move(message));
  return SetCondition(std::move(condition), now);
}

v1::SatelliteStatus StatusOf(const SatelliteRecord& record, const v1::SatelliteStatus& before,
                             const v1::Freshness& freshness, absl::Time last_contact) {
  v1::SatelliteStatus status = before;
  if (record.facts) *status.mutable_facts() = *record.facts;
  *status.mutable_freshness() = freshness;
  if (last_contact != absl::InfinitePast()) *status.mutable_last_contact() = ToTimestamp(last_contact);
  if (record.certificate) {
    status.set_certificate_serial(record.certificate->serial);
    *status.mutable_certificate_not_after() = ToTimestamp(record.certificate->not_after);
  }
  status.set_applied_sequence(record.applied_sequence);
  status.set_wanted_sequence(record.wanted_sequence);
  status.set_clock_offset_ms(record.clock_offset_ms);
  // The key that secrets are sealed to does not rotate: the first one stays.
  if (status.sealing_certificate().empty()) status.set_sealing_certificate(record.sealing_certificate);
  std::map<std::string, v1::Condition> conditions = record.conditions;
  for (const v1::Condition& condition : before.conditions())
    conditions.try_emplace(condition.type(), condition);
  status.clear_conditions();
  for (auto& [type, condition] : conditions) *status.add_conditions() = std::move(condition);
  return status;
}

}  // namespace perigee::control
