#include "shared/sqlite/database.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "shared/base/failpoint.h"
#include "shared/base/files.h"
#include "shared/sqlite/errors.h"

namespace perigee {
namespace {

constexpr std::string_view kInMemory = ":memory:";
// The log is written back when it has this many pages, and is cut back to this many bytes.
constexpr char kSettings[] =
    "PRAGMA synchronous=FULL;"
    "PRAGMA foreign_keys=ON;"
    "PRAGMA trusted_schema=OFF;"
    "PRAGMA wal_autocheckpoint=1000;"
    "PRAGMA journal_size_limit=16777216;";

// SQLite would make the file, its log and its index with the umask's mode.
absl::Status MakeFile(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  return file.valid() ? absl::OkStatus() : ErrnoStatus(errno, absl::StrCat("opening the database ", path));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path, const Options& options) {
  if (path != kInMemory) PERIGEE_RETURN_IF_ERROR(MakeFile(path));
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(
      path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  // Even a failed open gives a handle, which the destructor closes.
  std::unique_ptr<Database> database(new Database(handle));
  if (result != SQLITE_OK) return SqliteStatus(handle, result, absl::StrCat("opening the database ", path));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, static_cast<int>(absl::ToInt64Milliseconds(options.busy_timeout)));
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  PERIGEE_RETURN_IF_ERROR(
      Annotate(database->Script("PRAGMA journal_mode=WAL;"), absl::StrCat("opening the database ", path)));
  PERIGEE_RETURN_IF_ERROR(Annotate(database->Script(kSettings), absl::StrCat("opening the database ", path)));
  return database;
}

Database::~Database() {
  PERIGEE_ASSERT(sqlite3_close(handle_) == SQLITE_OK);
}

absl::StatusOr<Statement> Database::Prepare(Sql sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(handle_, sql.text(), -1, 0, &statement, nullptr);
  if (result != SQLITE_OK) return SqliteStatus(handle_, result, sql.text());
  return Statement(handle_, statement);
}

absl::Status Database::Script(const char* sql) {
  const int result = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? absl::OkStatus() : SqliteStatus(handle_, result, sql);
}

absl::Status Database::ApplyMigration(Sql migration, int version) {
  return WithTransaction(*this, [&]() -> absl::Status {
    PERIGEE_RETURN_IF_ERROR(Script(migration.text()));
    // A pragma takes no bound values; the version is a number of ours.
    return Script(absl::StrCat("PRAGMA user_version=", version).c_str());
  });
}

absl::Status Database::Migrate(std::span<const Sql> migrations) {
  PERIGEE_ASSIGN_OR_RETURN(Statement statement, Prepare("PRAGMA user_version"));
  PERIGEE_RETURN_IF_ERROR(statement.Step());
  const auto version = static_cast<size_t>(statement.Int(0));
  statement = Statement();
  if (version > migrations.size()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the database has schema version ", version, ", this release knows up to ", migrations.size(),
        ": start the newer release again, or restore the backup from before the upgrade"));
  }
  for (size_t i = version; i < migrations.size(); ++i) {
    PERIGEE_RETURN_IF_ERROR(Annotate(ApplyMigration(migrations[i], static_cast<int>(i) + 1),
                                     absl::StrCat("bringing the database to schema version ", i + 1)));
  }
  return absl::OkStatus();
}

absl::Status Database::CheckIntegrity() {
  PERIGEE_ASSIGN_OR_RETURN(Statement statement, Prepare("PRAGMA quick_check(1)"));
  PERIGEE_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (row && statement.Text(0) == "ok") return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the database is damaged: ", ToAbsl(statement.Text(0)), ": restore it from a backup"));
}

int64_t Database::Changes() const {
  return sqlite3_changes64(handle_);
}

absl::Status Database::Commit() {
  PERIGEE_FAILPOINT("sqlite.before_commit");
  PERIGEE_RETURN_IF_ERROR(Script("COMMIT"));
  PERIGEE_FAILPOINT("sqlite.after_commit");
  return absl::OkStatus();
}

absl::Status WithTransaction(Database& database, const std::function<absl::Status()>& body) {
  if (sqlite3_get_autocommit(database.handle_) == 0) {
    return absl::FailedPreconditionError("a transaction is open already: transactions do not nest");
  }
  PERIGEE_RETURN_IF_ERROR(database.Script("BEGIN IMMEDIATE"));
  absl::Status status = body();
  if (status.ok()) status = database.Commit();
  // After some errors (a full disk, say) SQLite has rolled back by itself.
  if (!status.ok() && sqlite3_get_autocommit(database.handle_) == 0) {
    const absl::Status undone = database.Script("ROLLBACK");
    if (!undone.ok()) return Annotate(undone, absl::StrCat("rolling back after: ", status.message()));
  }
  return status;
}

}  // namespace perigee
