#include "shared/sqlite/database.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/failpoint.h"
#include "shared/base/files.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee {
namespace {

using ::testing::HasSubstr;

constexpr Sql kSchema[] = {
    "CREATE TABLE t (key TEXT PRIMARY KEY, value BLOB) STRICT, WITHOUT ROWID",
    "CREATE TABLE child (parent TEXT NOT NULL REFERENCES t(key)) STRICT; CREATE INDEX by_parent ON "
    "child(parent)",
};

std::unique_ptr<Database> OpenAt(const std::string& path) {
  auto database = Database::Open(path, {.busy_timeout = absl::Milliseconds(20)});
  EXPECT_TRUE(database.ok()) << database.status();
  EXPECT_TRUE((*database)->Migrate(kSchema).ok());
  return *std::move(database);
}

int64_t Count(Database& database) {
  auto statement = database.Prepare("SELECT count(*) FROM t");
  EXPECT_TRUE(statement.ok() && *statement->Step());
  return statement->Int(0);
}

absl::Status Insert(Database& database, std::string_view key) {
  return database.Execute("INSERT INTO t VALUES (?, ?)", key, Blob{"v"});
}

TEST(Database, SettingsAreTheDurableOnes) {
  const TemporaryDirectory directory;
  const auto database = OpenAt(directory / "db");
  struct Case {
    Sql pragma;
    const char* value;
  };
  const Case cases[] = {
      {"PRAGMA journal_mode", "wal"}, {"PRAGMA synchronous", "2"}, {"PRAGMA foreign_keys", "1"}};
  for (const Case& c : cases) {
    auto statement = database->Prepare(c.pragma);
    ASSERT_TRUE(statement.ok() && *statement->Step());
    EXPECT_EQ(statement->Text(0), c.value) << c.pragma.text();
  }
  struct stat found{};
  ASSERT_EQ(stat((directory / "db").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  ASSERT_TRUE(Insert(*database, "a").ok());
  ASSERT_EQ(stat((directory / "db-wal").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  EXPECT_TRUE(database->CheckIntegrity().ok());
}

TEST(Statement, BindsAndReadsEveryType) {
  const TemporaryDirectory directory;
  const auto database = OpenAt(directory / "db");
  auto statement = database->Prepare("SELECT ?, ?, ?, ?, ?, ?, ?");
  ASSERT_TRUE(statement.ok()) << statement.status();
  const std::string bytes("\0'\"; DROP TABLE t", 17);
  for (int round = 0; round < 2; ++round) {
    statement->Bind(int64_t{-5}, 1.5, std::string_view(), bytes, Blob{bytes}, nullptr, true);
    ASSERT_TRUE(*statement->Step());
    EXPECT_EQ(statement->Int(0), -5);
    EXPECT_EQ(statement->Real(1), 1.5);
    EXPECT_FALSE(statement->IsNull(2));
    EXPECT_EQ(statement->Text(2), "");
    EXPECT_EQ(statement->Text(3), bytes);
    EXPECT_EQ(statement->Bytes(4), bytes);
    EXPECT_TRUE(statement->IsNull(5));
    EXPECT_EQ(statement->Int(6), 1);
    EXPECT_FALSE(*statement->Step());
  }
  EXPECT_DEATH(statement->Bind(1), "bind_parameter_count");
}

TEST(Transaction, CommitsOnOkAndRollsBackOtherwise) {
  const TemporaryDirectory directory;
  const auto database = OpenAt(directory / "db");
  EXPECT_TRUE(WithTransaction(*database, [&] { return Insert(*database, "a"); }).ok());
  EXPECT_EQ(database->Changes(), 1);
  const absl::Status failed = WithTransaction(*database, [&]() -> absl::Status {
    PERIGEE_RETURN_IF_ERROR(Insert(*database, "b"));
    return absl::AbortedError("changed my mind");
  });
  EXPECT_EQ(failed.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Count(*database), 1);
  const absl::Status nested =
      WithTransaction(*database, [&] { return WithTransaction(*database, [] { return absl::OkStatus(); }); });
  EXPECT_EQ(nested.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(WithTransaction(*database, [&] { return Insert(*database, "c"); }).ok());
  EXPECT_EQ(Count(*database), 2);
}

TEST(Transaction, FailpointBeforeCommitRollsBack) {
  const TemporaryDirectory directory;
  const auto database = OpenAt(directory / "db");
  ArmFailpoints("sqlite.before_commit=error");
  EXPECT_FALSE(WithTransaction(*database, [&] { return Insert(*database, "a"); }).ok());
  ArmFailpoints("");
  EXPECT_EQ(Count(*database), 0);
}

TEST(Transaction, DeathLeavesAllOrNothing) {
  struct Case {
    const char* failpoint;
    int64_t rows;
  };
  for (const Case& c : {Case{"sqlite.before_commit=crash", 0}, Case{"sqlite.after_commit=crash", 2}}) {
    const TemporaryDirectory directory;
    EXPECT_EXIT(
        {
          const auto database = OpenAt(directory / "db");
          ArmFailpoints(c.failpoint);
          WithTransaction(*database, [&]() -> absl::Status {
            PERIGEE_RETURN_IF_ERROR(Insert(*database, "a"));
            return Insert(*database, "b");
          }).IgnoreError();
        },
        ::testing::KilledBySignal(SIGKILL), "");
    EXPECT_EQ(Count(*OpenAt(directory / "db")), c.rows) << c.failpoint;
  }
}

TEST(Errors, CodesSayWhatToDo) {
  const TemporaryDirectory directory;
  const auto database = OpenAt(directory / "db");
  ASSERT_TRUE(Insert(*database, "a").ok());
  EXPECT_EQ(Insert(*database, "a").code(), absl::StatusCode::kAlreadyExists);
  const absl::Status orphan = database->Execute("INSERT INTO child VALUES (?)", "nobody");
  EXPECT_EQ(orphan.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(orphan.message()), ::testing::Not(HasSubstr("nobody")))
      << "no bound values in messages";
  EXPECT_EQ(database->Prepare("SELECT nonsense FROM nowhere").status().code(), absl::StatusCode::kInternal);

  const auto second = OpenAt(directory / "db");
  const absl::Status busy = WithTransaction(*database, [&] { return Insert(*second, "b"); });
  EXPECT_EQ(busy.code(), absl::StatusCode::kUnavailable);

  ASSERT_TRUE(database->Execute("PRAGMA max_page_count=1").ok());
  const std::string large(1 << 20, 'x');
  EXPECT_EQ(database->Execute("INSERT INTO t VALUES (?, ?)", "large", Blob{large}).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(Errors, DamageIsDataLoss) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileAtomically(directory / "other", std::string(8192, 'x'), 0600).ok());
  EXPECT_EQ(Database::Open(directory / "other", {}).status().code(), absl::StatusCode::kDataLoss);
  {
    const auto database = OpenAt(directory / "db");
    for (int i = 0; i < 500; ++i)
      ASSERT_TRUE(Insert(*database, absl::StrCat("key-", i, std::string(50, 'x'))).ok());
  }
  const Fd file(open((directory / "db").c_str(), O_WRONLY | O_CLOEXEC));
  const std::string junk(4096, '\xa5');
  ASSERT_EQ(pwrite(file.get(), junk.data(), junk.size(), 3 * 4096), 4096);
  auto damaged = Database::Open(directory / "db", {});
  ASSERT_TRUE(damaged.ok()) << damaged.status();
  EXPECT_EQ((*damaged)->CheckIntegrity().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(Database::Open(directory / "no/such/db", {}).ok());
}

TEST(Migrate, StepsOnceInOrderAndRefusesTheNewer) {
  const TemporaryDirectory directory;
  auto database = *Database::Open(directory / "db", {});
  const std::span<const Sql> all(kSchema);
  ASSERT_TRUE(database->Migrate(all.first(1)).ok());
  ASSERT_TRUE(Insert(*database, "a").ok());
  ASSERT_TRUE(database->Migrate(all).ok());
  ASSERT_TRUE(database->Migrate(all).ok());
  EXPECT_EQ(Count(*database), 1);
  const absl::Status older = database->Migrate(all.first(1));
  EXPECT_EQ(older.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(older.message()), HasSubstr("newer release"));
}

TEST(Migrate, AFailedStepLeavesNothing) {
  const TemporaryDirectory directory;
  auto database = *Database::Open(directory / "db", {});
  constexpr Sql kBroken[] = {"CREATE TABLE t (key TEXT)",
                             "CREATE TABLE u (key TEXT); CREATE TABLE t (key TEXT)"};
  const absl::Status failed = database->Migrate(kBroken);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("schema version 2"));
  EXPECT_FALSE(database->Prepare("SELECT * FROM u").ok());
  EXPECT_TRUE(database->Migrate(std::span<const Sql>(kBroken).first(1)).ok());
}

}  // namespace
}  // namespace perigee
