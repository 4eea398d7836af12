// SQLite's result codes as statuses.
#pragma once

#include <string_view>

#include "absl/status/status.h"

struct sqlite3;

namespace perigee {

// "<what>: <SQLite's message>". `database` may be null. Never holds bound values.
absl::Status SqliteStatus(sqlite3* database, int result, std::string_view what);

}  // namespace perigee
