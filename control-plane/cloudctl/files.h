// The manifests that -f names: files, directories, standard input.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control-plane/cloudctl/session.h"

namespace perigee::control {

// `paths`: files, directories (their *.yaml, *.yml and *.json, by name), or "-". What is too large or no text
// is an error here, before anything is sent.
absl::StatusOr<std::vector<v1::Manifest>> ReadManifests(Session& session,
                                                        const std::vector<std::string>& paths);

// Each error on a line of the error stream; true when there were some.
bool PrintFieldErrors(Session& session, const google::protobuf::RepeatedPtrField<v1::FieldError>& errors);

}  // namespace perigee::control
