// What must never leave: every field that the schema marks (secret). Pure.
#pragma once

#include "google/protobuf/message.h"

namespace perigee::control {

// At any depth, in lists and in maps of messages.
void StripSecrets(google::protobuf::Message& message);

}  // namespace perigee::control
