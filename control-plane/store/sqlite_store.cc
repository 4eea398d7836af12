#include "control-plane/store/sqlite_store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "control-plane/store/engine.h"
#include "control-plane/store/writer_store.h"
#include "shared/base/failpoint.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/sqlite/database.h"

namespace perigee::control {
namespace {

constexpr std::array kMigrations = {
    Sql("CREATE TABLE records (key BLOB PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT "
        "ROWID;"
        "CREATE TABLE head (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL);"
        "INSERT INTO head (only, revision) VALUES (1, 0);"),
};

// Over every key with `prefix`, since keys are bounded.
std::string EndOf(std::string_view prefix) {
  return std::string(prefix) + std::string(limits::kStoreKeyBytes + 1, '\xff');
}

absl::StatusOr<int64_t> ReadHead(Database& database) {
  PERIGEE_ASSIGN_OR_RETURN(Statement statement, database.Prepare("SELECT revision FROM head"));
  PERIGEE_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::DataLossError("the database has no head: restore it from a backup");
  return statement.Int(0);
}

// What the operating system says after a failed write or fsync is not to be believed (pages may be
// marked clean without being on the disk). Only a start from the file tells what is durable.
[[noreturn]] void DieOfDisk(const absl::Status& why) {
  std::fprintf(stderr, "perigee: the store cannot be written, stopping to recover from what is durable: %s\n",
               why.ToString().c_str());
  std::abort();
}

class SqliteEngine final : public Engine {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteEngine>> Open(const std::string& path) {
    std::unique_ptr<SqliteEngine> engine(new SqliteEngine());
    PERIGEE_RETURN_IF_ERROR(engine->Lock(absl::StrCat(path, ".lock")));
    PERIGEE_ASSIGN_OR_RETURN(engine->writer_, Database::Open(path, {}));
    PERIGEE_RETURN_IF_ERROR(engine->writer_->Migrate(kMigrations));
    absl::MutexLock lock(&engine->reader_mutex_);
    PERIGEE_ASSIGN_OR_RETURN(engine->reader_, Database::Open(path, {}));
    return engine;
  }

  absl::Status Write(const Batch& batch) override {
    const absl::Status written = TryWrite(batch);
    if (written.ok()) return written;
    if (absl::IsDataLoss(written)) DieOfDisk(written);
    // Rolled back, or committed before something else failed: the file knows.
    const absl::StatusOr<int64_t> durable = ReadHead(*writer_);
    if (!durable.ok()) DieOfDisk(durable.status());
    if (*durable == batch.revision) return absl::OkStatus();
    if (absl::IsResourceExhausted(written)) {
      return Annotate(written,
                      "nothing was written; make room on the disk of the control plane's data directory");
    }
    return absl::UnavailableError(absl::StrCat("the store could not commit: ", written.message()));
  }

  absl::StatusOr<int64_t> RevisionOf(const std::string& key) override {
    PERIGEE_ASSIGN_OR_RETURN(Statement statement,
                             writer_->Prepare("SELECT revision FROM records WHERE key = ?"));
    PERIGEE_ASSIGN_OR_RETURN(const bool row, statement.Bind(Blob{key}).Step());
    return row ? statement.Int(0) : 0;
  }

  absl::StatusOr<int64_t> Revision() override {
    absl::MutexLock lock(&reader_mutex_);
    return ReadHead(*reader_);
  }

  absl::StatusOr<Record> Get(std::string_view key) override {
    absl::MutexLock lock(&reader_mutex_);
    PERIGEE_ASSIGN_OR_RETURN(Statement statement,
                             reader_->Prepare("SELECT value, revision FROM records WHERE key = ?"));
    PERIGEE_ASSIGN_OR_RETURN(const bool row, statement.Bind(Blob{key}).Step());
    if (!row) return NoSuchKey(key);
    return Record{std::string(key), std::string(statement.Bytes(0)), statement.Int(1)};
  }

  absl::StatusOr<Page> List(std::string_view prefix, int limit, std::string_view after) override {
    absl::MutexLock lock(&reader_mutex_);
    // Records and revision of one moment: a read transaction, which does not hinder the writer.
    PERIGEE_RETURN_IF_ERROR(reader_->Execute("BEGIN"));
    absl::StatusOr<Page> page = ReadPage(prefix, limit, after);
    PERIGEE_RETURN_IF_ERROR(reader_->Execute("COMMIT"));
    return page;
  }

 private:
  SqliteEngine() = default;

  absl::Status Lock(const std::string& path) {
    lock_ = Fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_.valid()) return ErrnoStatus(errno, absl::StrCat("opening ", path));
    if (flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("locking ", path));
    return absl::UnavailableError(
        absl::StrCat("another control plane uses this data directory (", path, " is locked): stop it first"));
  }

  absl::Status TryWrite(const Batch& batch) {
    PERIGEE_FAILPOINT("store.begin");
    PERIGEE_RETURN_IF_ERROR(WithTransaction(*writer_, [&]() -> absl::Status {
      PERIGEE_RETURN_IF_ERROR(WriteRows(batch));
      PERIGEE_FAILPOINT("store.commit");
      return absl::OkStatus();
    }));
    PERIGEE_FAILPOINT("store.after_commit");
    return absl::OkStatus();
  }

  absl::Status WriteRows(const Batch& batch) {
    PERIGEE_ASSIGN_OR_RETURN(
        Statement put,
        writer_->Prepare("INSERT INTO records (key, value, revision) VALUES (?, ?, ?) ON CONFLICT "
                         "(key) DO UPDATE SET value = excluded.value, revision = excluded.revision"));
    PERIGEE_ASSIGN_OR_RETURN(Statement remove, writer_->Prepare("DELETE FROM records WHERE key = ?"));
    for (const auto& [key, row] : batch.rows) {
      PERIGEE_FAILPOINT("store.write");
      const absl::Status written = row.value.has_value()
                                       ? put.Bind(Blob{key}, Blob{*row.value}, row.revision).Run()
                                       : remove.Bind(Blob{key}).Run();
      PERIGEE_RETURN_IF_ERROR(written);
    }
    return writer_->Execute("UPDATE head SET revision = ?", batch.revision);
  }

  absl::StatusOr<Page> ReadPage(std::string_view prefix, int limit, std::string_view after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(reader_mutex_) {
    Page page;
    PERIGEE_ASSIGN_OR_RETURN(page.revision, ReadHead(*reader_));
    PERIGEE_ASSIGN_OR_RETURN(Statement statement,
                             reader_->Prepare("SELECT key, value, revision FROM records "
                                              "WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?"));
    const int most = PageLimit(limit);
    statement.Bind(Blob{prefix}, Blob{EndOf(prefix)}, Blob{after}, most + 1);
    size_t bytes = 0;
    while (true) {
      PERIGEE_ASSIGN_OR_RETURN(const bool row, statement.Step());
      if (!row) return page;
      if (static_cast<int>(page.records.size()) == most || bytes >= kPageBytes) {
        page.more = true;
        return page;
      }
      page.records.push_back(
          {std::string(statement.Bytes(0)), std::string(statement.Bytes(1)), statement.Int(2)});
      bytes += page.records.back().value.size();
    }
  }

  Fd lock_;                           // outlives the connections
  std::unique_ptr<Database> writer_;  // of the writer's thread
  absl::Mutex reader_mutex_;
  std::unique_ptr<Database> reader_ ABSL_GUARDED_BY(reader_mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path, const Clock& clock) {
  PERIGEE_ASSIGN_OR_RETURN(std::unique_ptr<SqliteEngine> engine, SqliteEngine::Open(path));
  PERIGEE_ASSIGN_OR_RETURN(const int64_t revision, engine->Revision());
  return std::unique_ptr<Store>(std::make_unique<WriterStore>(std::move(engine), revision, clock));
}

}  // namespace perigee::control
