// Small facts in the database of the site's state, a text by its name. Not thread-safe: under the lock of the state
// that owns it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shared/sqlite/database.h"

namespace perigee::satellite {

class Notes {
 public:
  explicit Notes(Database& database) : db_(database) {}

  absl::StatusOr<std::string> Read(const std::string& name);  // empty when never written
  absl::Status Write(const std::string& name, const std::string& text);

 private:
  Database& db_;
};

}  // namespace perigee::satellite
