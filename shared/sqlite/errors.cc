#include "shared/sqlite/errors.h"

#include <sqlite3.h>

#include "shared/base/status.h"

namespace perigee {
namespace {

absl::StatusCode CodeOf(int result) {
  switch (result & 0xff) {  // the primary code of an extended one
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return absl::StatusCode::kUnavailable;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
      return absl::StatusCode::kDataLoss;
    case SQLITE_CONSTRAINT:
      return (result == SQLITE_CONSTRAINT_PRIMARYKEY || result == SQLITE_CONSTRAINT_UNIQUE)
                 ? absl::StatusCode::kAlreadyExists
                 : absl::StatusCode::kFailedPrecondition;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kFailedPrecondition;
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT:
      return absl::StatusCode::kAborted;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status SqliteStatus(sqlite3* database, int result, std::string_view what) {
  const int extended = database == nullptr ? result : sqlite3_extended_errcode(database);
  // The connection's code belongs to its last call; it refines `result` only if that was the one that failed.
  const int code = (extended & 0xff) == (result & 0xff) ? extended : result;
  const char* const message = database == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(database);
  return absl::Status(CodeOf(code), absl::StrCat(ToAbsl(what), ": ", message, " (SQLite ", code, ")"));
}

}  // namespace perigee
