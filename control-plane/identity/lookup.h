// Reading typed objects at the newest state of the store.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control-plane/identity/context.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/store.h"
#include "control-plane/watch/model.h"

namespace perigee::control {

// The model holds whatever was committed before the call.
[[nodiscard]] inline absl::Status CatchUp(const IdentityContext& context) {
  return context.model.WaitFor(context.store.Revision(), absl::Seconds(30));
}

// Null when there is none.
template <typename T>
std::shared_ptr<const T> Find(const Model& model, std::string_view kind, std::string_view name) {
  return std::dynamic_pointer_cast<const T>(model.Get(kind, "", name));
}
template <typename T>
std::shared_ptr<const T> FindByUid(const Model& model, std::string_view kind, std::string_view uid) {
  return std::dynamic_pointer_cast<const T>(model.GetByUid(kind, uid));
}

// A status together with the revision to compare when it is changed; 0 when there is none.
template <typename T>
struct StoredStatus {
  T status;
  int64_t revision = 0;
};
template <typename T>
absl::StatusOr<StoredStatus<T>> ReadStatus(Store& store, std::string_view kind, std::string_view uid) {
  const absl::StatusOr<Record> record = store.Get(keys::Status(kind, uid));
  StoredStatus<T> result;
  if (absl::IsNotFound(record.status())) return result;
  if (!record.ok()) return record.status();
  if (!result.status.ParseFromString(record->value)) {
    return absl::DataLossError("a status in the store cannot be read; restore a backup");
  }
  result.revision = record->revision;
  return result;
}

}  // namespace perigee::control
