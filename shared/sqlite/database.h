// SQLite as both programs use it: one file, write-ahead log, an acknowledged
// transaction survives kill -9 and power loss (synchronous=FULL).
//
// Invariants: SQL is a literal, values are bound; a transaction that does not
// end in OK leaves nothing behind; a file that a newer release has written is refused.
// Not thread-safe: one thread, or one lock of the owner's, per Database.
//
//   PERIGEE_ASSIGN_OR_RETURN(auto db, Database::Open(path, {}));
//   PERIGEE_RETURN_IF_ERROR(db->Migrate(kMigrations));
//   PERIGEE_RETURN_IF_ERROR(WithTransaction(*db, [&]() -> absl::Status {
//     return db->Execute("INSERT INTO entries (key, bytes) VALUES (?, ?)", key, Blob{bytes});
//   }));
//   PERIGEE_ASSIGN_OR_RETURN(auto rows, db->Prepare("SELECT key FROM entries WHERE key > ?"));
//   rows.Bind(after);
//   for (auto more = rows.Step();; more = rows.Step()) {
//     if (!more.ok()) return more.status();
//     if (!*more) break;
//     use(rows.Text(0));
//   }
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/base/status.h"
#include "shared/sqlite/statement.h"

namespace perigee {

class Database {
 public:
  struct Options {
    absl::Duration busy_timeout = absl::Seconds(5);
  };
  // Makes the file (0600) when it is missing. ":memory:" is one that is not kept.
  // DATA_LOSS when the file is damaged or is not a database.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path, const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  absl::StatusOr<Statement> Prepare(Sql sql);
  // Runs one statement that has no rows.
  template <typename... Values>
  absl::Status Execute(Sql sql, const Values&... values) {
    PERIGEE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    return statement.Bind(values...).Run();
  }

  // Brings the schema from its version (user_version) to `migrations.size()`, each step
  // (which may hold several statements) in its own transaction. Steps are appended, never
  // changed. FAILED_PRECONDITION when the file is newer than the list.
  absl::Status Migrate(std::span<const Sql> migrations);

  // DATA_LOSS with what is wrong (PRAGMA quick_check). Reads the whole file.
  absl::Status CheckIntegrity();
  // Rows that the last INSERT, UPDATE or DELETE touched.
  int64_t Changes() const;

 private:
  friend absl::Status WithTransaction(Database& database, const std::function<absl::Status()>& body);
  explicit Database(sqlite3* handle) : handle_(handle) {}
  absl::Status Script(const char* sql);
  absl::Status ApplyMigration(Sql migration, int version);
  absl::Status Commit();

  sqlite3* handle_;
};

// Runs `body` in a transaction (BEGIN IMMEDIATE): committed when it returns OK, else rolled
// back and its status returned. Transactions do not nest: FAILED_PRECONDITION.
// Failpoints: sqlite.before_commit, sqlite.after_commit.
absl::Status WithTransaction(Database& database, const std::function<absl::Status()>& body);

}  // namespace perigee
