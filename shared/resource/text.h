// Objects as text. Fields marked secret are left out of YAML and JSON.
#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace perigee {

// One object with apiVersion and kind, in the form that apply takes.
std::string ToYaml(const google::protobuf::Message& object);
std::string ToJson(const google::protobuf::Message& object);

// Deterministic serialization, for storing and hashing: equal messages, equal bytes.
std::string CanonicalBytes(const google::protobuf::Message& message);

}  // namespace perigee
