#include "shared/base/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/failpoint.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee {
namespace {

using ::testing::ElementsAre;

mode_t ModeOf(const std::string& path) {
  struct stat found{};
  EXPECT_EQ(stat(path.c_str(), &found), 0);
  return found.st_mode & 07777;
}

TEST(Files, ReadIsBounded) {
  const TemporaryDirectory directory;
  const std::string content(70'000, 'x');
  ASSERT_TRUE(WriteFileAtomically(directory / "f", content, 0600).ok());
  EXPECT_EQ(*ReadFile(directory / "f", content.size()), content);
  EXPECT_EQ(ReadFile(directory / "f", content.size() - 1).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadFile(directory / "none", 10).status().code(), absl::StatusCode::kNotFound);
}

TEST(Files, WriteSetsModeAndLeavesNothingElse) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileAtomically(directory / "f", "old", 0644).ok());
  ASSERT_TRUE(WriteFileAtomically(directory / "f", "new", 0600).ok());
  ASSERT_TRUE(WriteRuntimeFile(directory / "g", "", 0640).ok());
  EXPECT_EQ(*ReadFile(directory / "f", 10), "new");
  EXPECT_EQ(ModeOf(directory / "f"), 0600u);
  EXPECT_EQ(ModeOf(directory / "g"), 0640u);
  EXPECT_THAT(*ListDirectory(directory.path()), ElementsAre("f", "g"));
}

TEST(Files, FailedWriteKeepsTheOldContent) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileAtomically(directory / "f", "old", 0600).ok());
  for (const char* failpoint : {"files.write.before_content=error", "files.write.before_rename=error"}) {
    ArmFailpoints(failpoint);
    EXPECT_FALSE(WriteFileAtomically(directory / "f", "new", 0600).ok());
    ArmFailpoints("");
    EXPECT_EQ(*ReadFile(directory / "f", 10), "old") << failpoint;
    EXPECT_THAT(*ListDirectory(directory.path()), ElementsAre("f")) << failpoint;
  }
}

TEST(Files, DeathBeforeRenameKeepsTheOldContent) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileAtomically(directory / "f", "old", 0600).ok());
  EXPECT_EXIT(
      {
        ArmFailpoints("files.write.before_rename=crash");
        WriteFileAtomically(directory / "f", "new", 0600).IgnoreError();
      },
      ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(*ReadFile(directory / "f", 10), "old");
}

TEST(Files, EnsureDirectoryMakesParentsAndSetsMode) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(EnsureDirectory(directory / "a/b/c", 0700).ok());
  EXPECT_EQ(ModeOf(directory / "a/b/c"), 0700u);
  ASSERT_TRUE(EnsureDirectory(directory / "a/b/c/", 0750).ok());
  EXPECT_EQ(ModeOf(directory / "a/b/c"), 0750u);
  ASSERT_TRUE(WriteFileAtomically(directory / "file", "", 0600).ok());
  EXPECT_FALSE(EnsureDirectory(directory / "file", 0700).ok());
  EXPECT_FALSE(EnsureDirectory(directory / "file/below", 0700).ok());
  EXPECT_FALSE(EnsureDirectory("", 0700).ok());
}

TEST(Files, RemoveTreeDoesNotFollowLinks) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(EnsureDirectory(directory / "kept", 0700).ok());
  ASSERT_TRUE(WriteFileAtomically(directory / "kept/f", "x", 0600).ok());
  ASSERT_TRUE(EnsureDirectory(directory / "tree/deep", 0700).ok());
  ASSERT_EQ(symlink((directory / "kept").c_str(), (directory / "tree/deep/link").c_str()), 0);
  ASSERT_TRUE(RemoveTree(directory / "tree").ok());
  EXPECT_FALSE(FileExists(directory / "tree"));
  EXPECT_TRUE(FileExists(directory / "kept/f"));
  EXPECT_TRUE(RemoveTree(directory / "tree").ok());
  EXPECT_TRUE(RemoveFile(directory / "tree").ok());
}

TEST(Files, OpenBeneathRefusesWaysOut) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(EnsureDirectory(directory / "root/in", 0700).ok());
  ASSERT_TRUE(WriteFileAtomically(directory / "secret", "s", 0600).ok());
  ASSERT_EQ(symlink("../secret", (directory / "root/link").c_str()), 0);
  ASSERT_EQ(symlink("in", (directory / "root/inner").c_str()), 0);
  const auto made = OpenBeneath(directory / "root", "in/f", O_CREAT | O_WRONLY, 0600);
  ASSERT_TRUE(made.ok()) << made.status();
  const Fd owner(*made);
  EXPECT_TRUE(FileExists(directory / "root/in/f"));
  for (const char* path : {"../secret", "in/../../secret", "link", "inner/f", "/etc/passwd", ""}) {
    EXPECT_FALSE(OpenBeneath(directory / "root", path, O_RDONLY, 0).ok()) << path;
  }
}

TEST(Fd, MovesAndCloses) {
  Fd first(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = first.get();
  Fd second = std::move(first);
  EXPECT_FALSE(first.valid());
  EXPECT_EQ(second.get(), number);
  second = Fd();
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace perigee
