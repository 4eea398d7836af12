// What decisions about intent read: straight from the store, so that they see
// every commit before them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "control-plane/store/store.h"
#include "google/protobuf/message.h"

namespace perigee::control {

struct Stored {
  std::unique_ptr<google::protobuf::Message> object;  // without status; metadata.revision is `revision`
  int64_t revision = 0;
};

// Nothing when there is none.
[[nodiscard]] absl::StatusOr<std::optional<Stored>> ReadObject(Store& store, std::string_view kind,
                                                               std::string_view project,
                                                               std::string_view name);
// The same with its status.
[[nodiscard]] absl::StatusOr<std::optional<Stored>> ReadWithStatus(Store& store, std::string_view kind,
                                                                   std::string_view project,
                                                                   std::string_view name);
// Of one kind, in one project; of all when `project` is empty.
[[nodiscard]] absl::StatusOr<std::vector<Stored>> ReadAll(Store& store, std::string_view kind,
                                                          std::string_view project);

}  // namespace perigee::control
