#include "satellite/state/state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "satellite/state/notes.h"
#include "satellite/state/outbox.h"
#include "satellite/state/rows.h"
#include "shared/base/failpoint.h"
#include "shared/base/status.h"
#include "shared/sqlite/database.h"

namespace perigee::satellite {
namespace {

constexpr Sql kMigrations[] = {
    "CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), epoch_number INTEGER NOT NULL, epoch_id BLOB "
    "NOT NULL,"
    " sequence INTEGER NOT NULL, root BLOB NOT NULL, time_floor INTEGER NOT NULL);"
    "CREATE TABLE entries (key TEXT PRIMARY KEY, payload BLOB NOT NULL, sha256 BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE kept (key TEXT NOT NULL, sha256 BLOB NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (key, "
    "sha256))"
    " WITHOUT ROWID;"
    "CREATE TABLE books (id TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, bytes BLOB NOT NULL);"
    "CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;"};

constexpr char kOwnerNote[] = "satellite_uid";
constexpr Sql kForgets[] = {
    "DELETE FROM entries",
    "DELETE FROM kept",
    "DELETE FROM books",
    "DELETE FROM outbox",
    "UPDATE head SET epoch_number = 0, epoch_id = x'', sequence = 0, root = x''",
};

constexpr Sql kEntriesSql = "SELECT key, payload, sha256 FROM entries ORDER BY key";

class SqliteSiteState final : public SiteState {
 public:
  explicit SqliteSiteState(std::unique_ptr<Database> database)
      : db_(std::move(database)), notes_(*db_), outbox_(*db_, notes_) {}

  absl::StatusOr<bool> BelongTo(const std::string& satellite_uid, const std::string& replaces) override;
  absl::StatusOr<Head> ReadHead() override;
  absl::StatusOr<AppliedState> ReadApplied() override;
  absl::StatusOr<std::vector<StoredEntry>> Entries() override;
  absl::StatusOr<std::vector<StoredEntry>> KeptEntries() override;
  absl::Status Persist(const DeltaPlan& plan, absl::Time time_floor) override;
  absl::Status KeepOnly(const std::set<EntryVersion>& needed) override;
  absl::StatusOr<std::vector<ReplicaBook>> Books() override;
  absl::Status Record(const std::vector<ReplicaBook>& books, std::vector<v1::Event> events) override;
  absl::Status DeleteBook(const std::string& id) override;
  absl::StatusOr<std::vector<v1::Event>> EventsAfter(uint64_t sequence, int limit) override;
  absl::Status AcknowledgeEvents(uint64_t sequence) override;
  absl::StatusOr<std::string> ReadNote(const std::string& name) override;
  absl::Status WriteNote(const std::string& name, const std::string& text) override;

 private:
  absl::StatusOr<Head> LoadHead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<AppliedState> LoadApplied() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<StoredEntry>> LoadEntries(Sql sql) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckAgainstHead(const DeltaPlan& plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PutEntries(const DeltaPlan& plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRoot(const std::string& root) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PutHead(const AppliedState& next, absl::Time time_floor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status InTransaction(const std::function<absl::Status()>& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return WithTransaction(*db_, body);
  }

  absl::Mutex mutex_;
  const std::unique_ptr<Database> db_ ABSL_PT_GUARDED_BY(mutex_);
  Notes notes_ ABSL_GUARDED_BY(mutex_);
  Outbox outbox_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<bool> SqliteSiteState::BelongTo(const std::string& satellite_uid,
                                               const std::string& replaces) {
  absl::MutexLock lock(&mutex_);
  PERIGEE_ASSIGN_OR_RETURN(const std::string owner, notes_.Read(kOwnerNote));
  if (owner == satellite_uid) return false;
  if (owner.empty() && replaces.empty()) {
    // New, or of a release that did not write it down. A disk that is full keeps no agent from starting: the next
    // start writes it.
    (void)notes_.Write(kOwnerNote, satellite_uid);
    return false;
  }
  PERIGEE_RETURN_IF_ERROR(Annotate(InTransaction([&]() -> absl::Status {
                                     mutex_.AssertHeld();
                                     for (const Sql& forget : kForgets) {
                                       PERIGEE_RETURN_IF_ERROR(db_->Execute(forget));
                                       PERIGEE_FAILPOINT("state.belong.forget");
                                     }
                                     return notes_.Write(kOwnerNote, satellite_uid);
                                   }),
                                   "forgetting the satellite that this host was before"));
  return true;
}

// ---- Head and entries.

absl::StatusOr<Head> SqliteSiteState::LoadHead() {
  PERIGEE_ASSIGN_OR_RETURN(
      Statement row, db_->Prepare("SELECT epoch_number, epoch_id, sequence, root, time_floor FROM head"));
  PERIGEE_ASSIGN_OR_RETURN(bool found, row.Step());
  Head head;
  if (!found) return head;
  head.epoch.set_number(static_cast<uint64_t>(row.Int(0)));
  head.epoch.set_id(std::string(row.Bytes(1)));
  head.sequence = static_cast<uint64_t>(row.Int(2));
  head.root = std::string(row.Bytes(3));
  head.time_floor = absl::FromUnixMicros(row.Int(4));
  return head;
}

absl::StatusOr<Head> SqliteSiteState::ReadHead() {
  absl::MutexLock lock(&mutex_);
  PERIGEE_FAILPOINT("state.read.head");
  return LoadHead();
}

absl::StatusOr<AppliedState> SqliteSiteState::LoadApplied() {
  PERIGEE_ASSIGN_OR_RETURN(Head head, LoadHead());
  AppliedState applied{.epoch = head.epoch, .sequence = head.sequence, .root = head.root};
  PERIGEE_ASSIGN_OR_RETURN(Statement rows, db_->Prepare("SELECT key, sha256 FROM entries"));
  PERIGEE_RETURN_IF_ERROR(ForEachRow(
      rows, [&](Statement& row) { applied.digests[std::string(row.Text(0))] = std::string(row.Bytes(1)); }));
  return applied;
}

absl::StatusOr<AppliedState> SqliteSiteState::ReadApplied() {
  absl::MutexLock lock(&mutex_);
  PERIGEE_ASSIGN_OR_RETURN(AppliedState applied, LoadApplied());
  PERIGEE_ASSIGN_OR_RETURN(std::vector<StoredEntry> entries, LoadEntries(kEntriesSql));
  bool damaged = false;
  for (const StoredEntry& entry : entries) {
    if (!entry.damaged) continue;
    damaged = true;
    applied.digests[entry.key].clear();
  }
  if (damaged) {
    applied.epoch.Clear();
    applied.sequence = 0;
    applied.root.clear();
  }
  return applied;
}

absl::StatusOr<std::vector<StoredEntry>> SqliteSiteState::LoadEntries(Sql sql) {
  PERIGEE_ASSIGN_OR_RETURN(Statement rows, db_->Prepare(sql));
  std::vector<StoredEntry> entries;
  PERIGEE_RETURN_IF_ERROR(ForEachRow(rows, [&](Statement& row) {
    entries.push_back({std::string(row.Text(0)), std::string(row.Bytes(1)), std::string(row.Bytes(2))});
  }));
  // A byte that rotted on the disk must not start another program than the one that was signed.
  for (StoredEntry& entry : entries) {
    if (DigestOf(entry.payload) == entry.sha256) continue;
    entry.damaged = true;
    entry.payload.clear();
  }
  return entries;
}

absl::StatusOr<std::vector<StoredEntry>> SqliteSiteState::Entries() {
  absl::MutexLock lock(&mutex_);
  PERIGEE_FAILPOINT("state.read.entries");
  return LoadEntries(kEntriesSql);
}

absl::StatusOr<std::vector<StoredEntry>> SqliteSiteState::KeptEntries() {
  absl::MutexLock lock(&mutex_);
  PERIGEE_FAILPOINT("state.read.kept");
  PERIGEE_ASSIGN_OR_RETURN(std::vector<StoredEntry> kept,
                           LoadEntries("SELECT key, payload, sha256 FROM kept ORDER BY key, sha256"));
  std::erase_if(kept, [](const StoredEntry& entry) { return entry.damaged; });
  return kept;
}

absl::Status SqliteSiteState::CheckAgainstHead(const DeltaPlan& plan) {
  PERIGEE_ASSIGN_OR_RETURN(Head head, LoadHead());
  if (head.root.empty()) return absl::OkStatus();
  const auto have = std::pair(head.epoch.number(), head.sequence);
  const auto next = std::pair(plan.next.epoch.number(), plan.next.sequence);
  if (next < have) {
    return absl::OutOfRangeError(absl::StrCat("entries (", next.first, ", ", next.second,
                                              ") are older than (", have.first, ", ", have.second,
                                              "), which are applied"));
  }
  if (next.first == have.first && plan.next.epoch.id() != head.epoch.id()) {
    return absl::AlreadyExistsError(absl::StrCat("two control planes speak for epoch ", next.first));
  }
  if (next == have && plan.next.root != head.root) {
    return absl::AlreadyExistsError(
        absl::StrCat("two sets of entries claim (", next.first, ", ", next.second, ")"));
  }
  return absl::OkStatus();
}

absl::Status SqliteSiteState::PutEntries(const DeltaPlan& plan) {
  // What is put again as it is has no earlier version.
  auto keep = [&](const std::string& key, const std::string& next_sha256) -> absl::Status {
    mutex_.AssertHeld();
    return db_->Execute(
        "INSERT OR IGNORE INTO kept (key, sha256, payload)"
        " SELECT key, sha256, payload FROM entries WHERE key = ? AND sha256 != ?",
        key, Blob{next_sha256});
  };
  for (const std::string& key : plan.deletes) {
    PERIGEE_RETURN_IF_ERROR(keep(key, ""));
    PERIGEE_RETURN_IF_ERROR(db_->Execute("DELETE FROM entries WHERE key = ?", key));
    PERIGEE_FAILPOINT("state.apply.delete");
  }
  for (const v1::Entry& entry : plan.puts) {
    PERIGEE_RETURN_IF_ERROR(keep(entry.key(), entry.sha256()));
    PERIGEE_RETURN_IF_ERROR(
        db_->Execute("INSERT OR REPLACE INTO entries (key, payload, sha256) VALUES (?, ?, ?)", entry.key(),
                     Blob{entry.payload()}, Blob{entry.sha256()}));
    PERIGEE_FAILPOINT("state.apply.put");
  }
  return absl::OkStatus();
}

absl::Status SqliteSiteState::CheckRoot(const std::string& root) {
  PERIGEE_ASSIGN_OR_RETURN(AppliedState now, LoadApplied());
  if (RootOf(now.digests) == root) return absl::OkStatus();
  return absl::DataLossError("the stored entries do not have the root that was signed");
}

absl::Status SqliteSiteState::PutHead(const AppliedState& next, absl::Time time_floor) {
  PERIGEE_ASSIGN_OR_RETURN(Head head, LoadHead());
  const absl::Time floor = std::max(head.time_floor, time_floor);
  return db_->Execute(
      "INSERT OR REPLACE INTO head (id, epoch_number, epoch_id, sequence, root, time_floor) VALUES (1, ?, ?, "
      "?, ?, ?)",
      static_cast<int64_t>(next.epoch.number()), Blob{next.epoch.id()}, static_cast<int64_t>(next.sequence),
      Blob{next.root}, absl::ToUnixMicros(floor));
}

absl::Status SqliteSiteState::Persist(const DeltaPlan& plan, absl::Time time_floor) {
  absl::MutexLock lock(&mutex_);
  PERIGEE_FAILPOINT("state.apply.begin");
  PERIGEE_RETURN_IF_ERROR(Annotate(InTransaction([&]() -> absl::Status {
                                     mutex_.AssertHeld();
                                     PERIGEE_RETURN_IF_ERROR(CheckAgainstHead(plan));
                                     PERIGEE_RETURN_IF_ERROR(PutEntries(plan));
                                     PERIGEE_RETURN_IF_ERROR(CheckRoot(plan.next.root));
                                     PERIGEE_FAILPOINT("state.apply.head");
                                     PERIGEE_RETURN_IF_ERROR(PutHead(plan.next, time_floor));
                                     PERIGEE_FAILPOINT("state.apply.before_commit");
                                     return absl::OkStatus();
                                   }),
                                   "storing the entries of the control plane"));
  PERIGEE_FAILPOINT("state.apply.after_commit");
  return absl::OkStatus();
}

absl::Status SqliteSiteState::KeepOnly(const std::set<EntryVersion>& needed) {
  absl::MutexLock lock(&mutex_);
  std::vector<EntryVersion> drop;
  {
    PERIGEE_ASSIGN_OR_RETURN(Statement rows, db_->Prepare("SELECT key, sha256 FROM kept"));
    PERIGEE_RETURN_IF_ERROR(ForEachRow(rows, [&](Statement& row) {
      EntryVersion version{std::string(row.Text(0)), std::string(row.Bytes(1))};
      if (!needed.contains(version)) drop.push_back(std::move(version));
    }));
  }
  if (drop.empty()) return absl::OkStatus();
  return InTransaction([&]() -> absl::Status {
    mutex_.AssertHeld();
    for (const auto& [key, sha256] : drop) {
      PERIGEE_RETURN_IF_ERROR(
          db_->Execute("DELETE FROM kept WHERE key = ? AND sha256 = ?", key, Blob{sha256}));
      PERIGEE_FAILPOINT("state.keep.delete");
    }
    return absl::OkStatus();
  });
}

// ---- Books and events.

absl::StatusOr<std::vector<ReplicaBook>> SqliteSiteState::Books() {
  absl::MutexLock lock(&mutex_);
  PERIGEE_FAILPOINT("state.read.books");
  PERIGEE_ASSIGN_OR_RETURN(Statement rows, db_->Prepare("SELECT bytes FROM books ORDER BY id"));
  std::vector<ReplicaBook> books;
  PERIGEE_RETURN_IF_ERROR(ForEachRow(rows, [&](Statement& row) {
    absl::StatusOr<ReplicaBook> book = DecodeBook(row.Bytes(0));
    if (book.ok()) books.push_back(*std::move(book));
  }));
  return books;
}

absl::Status SqliteSiteState::Record(const std::vector<ReplicaBook>& books, std::vector<v1::Event> events) {
  if (books.empty() && events.empty()) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  return Annotate(
      InTransaction([&]() -> absl::Status {
        mutex_.AssertHeld();
        for (const ReplicaBook& book : books) {
          PERIGEE_RETURN_IF_ERROR(db_->Execute("INSERT OR REPLACE INTO books (id, bytes) VALUES (?, ?)",
                                               book.id, Blob{EncodeBook(book)}));
          PERIGEE_FAILPOINT("state.record.book");
        }
        return outbox_.Add(events);
      }),
      "storing what happened to replicas");
}

absl::Status SqliteSiteState::DeleteBook(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  return db_->Execute("DELETE FROM books WHERE id = ?", id);
}

absl::StatusOr<std::vector<v1::Event>> SqliteSiteState::EventsAfter(uint64_t sequence, int limit) {
  absl::MutexLock lock(&mutex_);
  return outbox_.After(sequence, limit);
}

absl::Status SqliteSiteState::AcknowledgeEvents(uint64_t sequence) {
  absl::MutexLock lock(&mutex_);
  return InTransaction([&]() -> absl::Status {
    mutex_.AssertHeld();
    return outbox_.Acknowledge(sequence);
  });
}

absl::StatusOr<std::string> SqliteSiteState::ReadNote(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  return notes_.Read(name);
}

absl::Status SqliteSiteState::WriteNote(const std::string& name, const std::string& text) {
  absl::MutexLock lock(&mutex_);
  PERIGEE_FAILPOINT("state.note");
  return notes_.Write(name, text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SiteState>> SiteState::Open(const std::string& path) {
  auto database = Database::Open(path, {});
  if (!database.ok()) return Annotate(database.status(), "opening the satellite's state");
  PERIGEE_RETURN_IF_ERROR((*database)->Migrate(kMigrations));
  return std::make_unique<SqliteSiteState>(*std::move(database));
}

}  // namespace perigee::satellite
