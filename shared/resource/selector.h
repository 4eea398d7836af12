// Label selectors, as in Kubernetes. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/map.h"
#include "proto/perigee/v1/meta.pb.h"

namespace perigee {

using Labels = google::protobuf::Map<std::string, std::string>;

// An empty selector matches everything. NotIn matches where the label is missing.
bool Matches(const v1::LabelSelector& selector, const Labels& labels);

// "country=de,tier!=test,disk in (ssd,nvme),zone notin (a),edge,!old". Empty text: matches everything.
absl::StatusOr<v1::LabelSelector> ParseSelector(std::string_view text);
// The same grammar back.
std::string FormatSelector(const v1::LabelSelector& selector);

}  // namespace perigee
