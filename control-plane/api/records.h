// Records: events and audit records. They are in the store only, are read newest first, and carry no labels.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "control-plane/watch/index.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "shared/resource/registry.h"

namespace perigee::control {

// One answer, so that it fits a message whatever the objects hold.
inline constexpr size_t kPageBytes = 1 << 20;
int PageLimit(const v1::ListRequest& request);

bool IsRecord(const KindInfo& kind);
// A selector that would select nothing for ever is refused rather than ignored.
absl::Status RefuseSelector(const KindInfo& kind, const std::string& selector);
absl::Status CanWatch(const KindInfo& kind, const std::string& selector);
// A record belongs to the project of its object; one about an object of the cloud to all.
bool IsOfProject(const v1::ObjectReference& object, const std::string& project);

}  // namespace perigee::control
