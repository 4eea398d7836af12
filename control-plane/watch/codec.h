// How objects are kept in the store: one value for intent (the object without
// status), one for status. Pure; thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace perigee::control {

// The value of the intent key: without status and metadata.revision.
std::string EncodeIntent(const google::protobuf::Message& object);
// The object with metadata.revision = `revision`. DATA_LOSS when the bytes are not of that kind.
[[nodiscard]] absl::StatusOr<std::unique_ptr<google::protobuf::Message>> DecodeIntent(std::string_view kind,
                                                                                      std::string_view value,
                                                                                      int64_t revision);

// Kinds without a status: null, an empty text, and nothing merged.
const google::protobuf::Message* StatusOf(const google::protobuf::Message& object);
bool HasStatus(const google::protobuf::Message& object);
std::string EncodeStatus(const google::protobuf::Message& object);
// Replaces the status of `object`; empty: clears it.
[[nodiscard]] absl::Status MergeStatus(std::string_view status_value, google::protobuf::Message& object);

// The spec of a kind that has one, else null.
const google::protobuf::Message* SpecOf(const google::protobuf::Message& object);

}  // namespace perigee::control
