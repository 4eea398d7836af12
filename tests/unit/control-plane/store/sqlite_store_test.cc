#include "control-plane/store/sqlite_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <map>
#include <thread>

#include "shared/base/failpoint.h"
#include "shared/base/status.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::control {
namespace {

TEST(SqliteStore, IsThereAfterReopening) {
  const TemporaryDirectory directory;
  const std::string path = directory / "store.db";
  {
    auto store = *OpenSqliteStore(path, SystemClock());
    ASSERT_TRUE(store->Commit({.puts = {{"/a", "1"}, {"/b", "2"}}}).ok());
    ASSERT_TRUE(store->Commit({.deletes = {"/b"}}).ok());
  }
  auto store = *OpenSqliteStore(path, SystemClock());
  EXPECT_EQ(store->Revision(), 2);
  EXPECT_EQ(*store->Get("/a"), (Record{"/a", "1", 1}));
  EXPECT_TRUE(absl::IsNotFound(store->Get("/b").status()));
  // Changes from before the start are not known any more; what comes now follows on.
  EXPECT_TRUE(absl::IsOutOfRange(store->Watch("", 1).status()));
  EXPECT_TRUE(store->Watch("", 2).ok());
  EXPECT_EQ(*store->Commit({.compares = {{"/a", 1}}, .puts = {{"/a", "3"}}}), 3);
}

TEST(SqliteStore, OneProcessAtATimeAndOnlyItsOwnerReadsIt) {
  const TemporaryDirectory directory;
  const std::string path = directory / "store.db";
  auto store = *OpenSqliteStore(path, SystemClock());
  EXPECT_TRUE(absl::IsUnavailable(OpenSqliteStore(path, SystemClock()).status()));
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  store.reset();
  EXPECT_TRUE(OpenSqliteStore(path, SystemClock()).ok());
}

TEST(SqliteStore, ErrorAfterTheCommitIsNoLoss) {
  const TemporaryDirectory directory;
  auto store = *OpenSqliteStore(directory / "store.db", SystemClock());
  auto feed = *store->Watch("", 0);
  ArmFailpoints("store.after_commit=error");
  EXPECT_EQ(*store->Commit({.puts = {{"/a", "1"}}}), 1);  // the file says that it is there
  ArmFailpoints("");
  EXPECT_EQ(feed->Next(absl::Seconds(10))->size(), 1u);
  EXPECT_EQ(*store->Commit({.puts = {{"/b", "1"}}}), 2);
}

TEST(SqliteStore, ErrorsBeforeTheCommitLeaveNothing) {
  const TemporaryDirectory directory;
  auto store = *OpenSqliteStore(directory / "store.db", SystemClock());
  for (const char* point : {"store.begin", "store.write", "store.commit", "sqlite.before_commit"}) {
    ArmFailpoints(absl::StrCat(point, "=error"));
    EXPECT_TRUE(absl::IsUnavailable(store->Commit({.puts = {{"/a", "1"}}}).status())) << point;
    ArmFailpoints("");
    EXPECT_TRUE(absl::IsNotFound(store->Get("/a").status())) << point;
  }
  EXPECT_EQ(*store->Commit({.puts = {{"/a", "1"}}}), 1);
}

struct CrashCase {
  const char* name;
  const char* failpoint;
  rlim_t largest_file =
      RLIM_INFINITY;  // writes beyond it fail with an error that SQLite takes for a broken disk
  int signal = SIGKILL;
};

class SqliteStoreCrash : public ::testing::TestWithParam<CrashCase> {};

// In the child: three writers, each acknowledged commit is told to the parent before the next.
[[noreturn]] void WriteUntilDead(const std::string& path, const CrashCase& crash, int acknowledgements) {
  auto store = OpenSqliteStore(path, SystemClock());
  if (!store.ok()) _exit(3);
  ArmFailpoints(crash.failpoint);
  const rlimit file_size{crash.largest_file, RLIM_INFINITY};
  signal(SIGXFSZ, SIG_IGN);
  if (setrlimit(RLIMIT_FSIZE, &file_size) != 0) _exit(6);
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w) {
    writers.emplace_back([&, w] {
      for (int n = 0; n < 300; ++n) {
        const std::string value = std::to_string(n);
        const std::string key = absl::StrCat("/", w, "/", n % 5);
        const auto revision = (*store)->Commit({.puts = {{key + "/left", value}, {key + "/right", value}}});
        const std::string line = absl::StrCat(key, " ", value, "\n");
        if (!revision.ok() || write(acknowledgements, line.data(), line.size()) < 0) _exit(4);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  _exit(5);  // the failpoint was never passed
}

TEST_P(SqliteStoreCrash, KeepsEveryAcknowledgedWriteWhole) {
  const TemporaryDirectory directory;
  const std::string path = directory / "store.db";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(ends[0]);
    WriteUntilDead(path, GetParam(), ends[1]);
  }
  close(ends[1]);
  std::map<std::string, int> acknowledged;
  FILE* const lines = fdopen(ends[0], "r");
  char key[32];
  for (int value = 0; std::fscanf(lines, "%31s %d", key, &value) == 2;) acknowledged[key] = value;
  std::fclose(lines);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == GetParam().signal) << status;

  auto store = OpenSqliteStore(path, SystemClock());
  ASSERT_TRUE(store.ok()) << store.status();
  for (const auto& [name, value] : acknowledged) {
    const auto left = (*store)->Get(name + "/left");
    ASSERT_TRUE(left.ok()) << name << " was acknowledged with " << value;
    // A write that was not acknowledged may be there, whole; a later one never without the earlier.
    EXPECT_GE(std::stoi(left->value), value) << name;
    EXPECT_EQ(left->value, (*store)->Get(name + "/right")->value) << name;
    EXPECT_LE(left->revision, (*store)->Revision());
  }
  EXPECT_TRUE((*store)->Commit({.puts = {{"/after", "1"}}}).ok());
}

INSTANTIATE_TEST_SUITE_P(Failpoints, SqliteStoreCrash,
                         ::testing::ValuesIn(std::vector<CrashCase>{
                             {"FirstBegin", "store.begin=crash@1"},
                             {"Begin", "store.begin=crash@20"},
                             {"FirstWrite", "store.write=crash@1"},
                             {"Write", "store.write=crash@33"},
                             {"Commit", "store.commit=crash@25"},
                             {"BeforeCommit", "sqlite.before_commit=crash@30"},
                             {"InsideAfterCommit", "sqlite.after_commit=crash@30"},
                             {"FirstAfterCommit", "store.after_commit=crash@1"},
                             {"AfterCommit", "store.after_commit=crash@27"},
                             {"BrokenDisk", "", 200 << 10, SIGABRT}}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace perigee::control
