// The rules of meaning: required fields, words, formats, what this release does
// not do yet, and each kind's own rules. Judges an object whatever its source.
// Pure; thread-safe.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "proto/perigee/v1/cloud_service.pb.h"

namespace perigee {

// Errors with field, message and suggestion; file and line are the caller's (Locate in manifest.h).
// Call after ApplyDefaults. Empty: valid.
std::vector<v1::FieldError> ValidateObject(const google::protobuf::Message& object);

// Of `metadata.name`: a DNS label (RFC 1123): a-z, 0-9, "-", at most 63 characters.
absl::Status ValidateName(std::string_view name);
// As Kubernetes: [prefix/]name; the prefix a DNS name, the name at most 63 characters.
absl::Status ValidateLabelKey(std::string_view key);
absl::Status ValidateLabelValue(std::string_view value);

}  // namespace perigee
