// Reading rows. Within this module only.
#pragma once

#include "absl/status/status.h"
#include "shared/base/status.h"
#include "shared/sqlite/statement.h"

namespace perigee::satellite {

// Calls `use` for each row.
template <typename Use>
absl::Status ForEachRow(Statement& statement, Use use) {
  while (true) {
    PERIGEE_ASSIGN_OR_RETURN(bool more, statement.Step());
    if (!more) return absl::OkStatus();
    use(statement);
  }
}

}  // namespace perigee::satellite
