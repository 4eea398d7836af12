// What the control plane knows of one satellite from its sessions since it started, and the status made of it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "shared/session/delta.h"

namespace perigee::control {

// The identity that a stream was opened with, as its verified certificate says.
struct PeerCertificate {
  std::string satellite_uid;
  std::string serial;
  absl::Time not_after;
};

struct SatelliteRecord {
  std::optional<v1::SatelliteFacts> facts;
  std::string sealing_certificate;
  std::optional<PeerCertificate> certificate;
  std::optional<Base> base;  // what it has, as far as known
  uint64_t applied_sequence = 0;
  uint64_t wanted_sequence = 0;
  int64_t clock_offset_ms = 0;
  std::map<std::string, v1::Condition> conditions;  // by type; ours and the satellite's own

  // Beyond this the clocks are said to differ.
  static constexpr int64_t kClockSkewMs = 30'000;

  // True when it changed; keeps last_transition while the status stays.
  bool SetCondition(v1::Condition condition, absl::Time now);
  bool SetCondition(std::string_view type, bool is_true, std::string_view reason, std::string message,
                    absl::Time now);
};

// `before` with what the record knows put over it; what others write (certificates at issue, further conditions) stays.
v1::SatelliteStatus StatusOf(const SatelliteRecord& record, const v1::SatelliteStatus& before,
                             const v1::Freshness& freshness, absl::Time last_contact);

}  // namespace perigee::control
