// Fills in what the author of a manifest left unset. The values come from the
// schema (option default_value) and from the table of this module for numbers
// and for parts that are made when absent (placement, rollout, restart, stop).
//
// A later release adds a default here and no replica restarts, because a
// revision is known by what its author asked for, before defaults.
#pragma once

#include <string>
#include <string_view>

#include "google/protobuf/message.h"

namespace perigee {

// `object` is a kind such as v1::Workload, or any part of one. Idempotent.
void ApplyDefaults(google::protobuf::Message& object);

// One more default: RegisterDefault("perigee.v1.Placement", "replicas_per_site", "1"). Field names as in
// the schema; the value in text form. Aborts when there is no such field. Thread-safe.
void RegisterDefault(std::string_view message_full_name, std::string_view field, std::string_view value);

}  // namespace perigee
