// What changes between two versions of an object, field by field.
#pragma once

#include <vector>

#include "google/protobuf/message.h"
#include "proto/perigee/v1/cloud_service.pb.h"

namespace perigee {

// Of labels, annotations and spec (and of other messages: of every field). Lists are compared element by
// element, maps key by key. A changed secret is named, its content never shown. Both of one kind.
// An empty `before` or `after` text means: not there.
std::vector<v1::FieldChange> DiffSpecs(const google::protobuf::Message& before,
                                       const google::protobuf::Message& after);

}  // namespace perigee
