#include "shared/client/context.h"

#include <sys/stat.h>

#include <fstream>

#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee {
namespace {

using ::testing::HasSubstr;

uint32_t ModeOf(const std::string& path) {
  struct stat info{};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

TEST(ContextFileTest, KeepsContextsPrivately) {
  const TemporaryDirectory directory;
  ContextFile file;
  file.path = directory.path() + "/sub/config.yaml";
  file.current = "one";
  file.Put({.name = "one",
            .server = "https://[2001:db8::1]:7443",
            .grpc = "h:7444",
            .ca_hash = "sha256:ab",
            .user = "yes"});
  file.Put({.name = "two", .project = "retail"});
  file.Put({.name = "two", .project = "12"});
  ASSERT_TRUE(SaveContextFile(file).ok());
  EXPECT_EQ(ModeOf(file.path), 0600u);
  const auto read = LoadContextFile(file.path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->current, "one");
  ASSERT_EQ(read->contexts.size(), 2u);
  EXPECT_EQ(read->contexts[0].server, "https://[2001:db8::1]:7443");
  EXPECT_EQ(read->contexts[0].user, "yes");
  EXPECT_EQ(read->contexts[1].project, "12");
  EXPECT_EQ(ChooseContext(*read, "")->name, "one");
  EXPECT_EQ(ChooseContext(*read, "two")->name, "two");
  EXPECT_EQ(ChooseContext(*read, "three").status().code(), absl::StatusCode::kNotFound);
}

TEST(ContextFileTest, AnAbsentFileSaysHowToLogIn) {
  const TemporaryDirectory directory;
  const auto read = LoadContextFile(directory.path() + "/none.yaml");
  ASSERT_TRUE(read.ok());
  EXPECT_THAT(std::string(ChooseContext(*read, "").status().message()), HasSubstr("cloudctl login https://"));
}

TEST(ContextFileTest, RefusesWhatOthersCanReadAndWhatIsBroken) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/config.yaml";
  std::ofstream(path) << "contexts: [}\n";
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_THAT(std::string(LoadContextFile(path).status().message()), HasSubstr("chmod 600"));
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_THAT(std::string(LoadContextFile(path).status().message()), HasSubstr(path + ":1:"));
  std::ofstream(path) << "contexts: [{name: ../../x}]\n";
  EXPECT_EQ(LoadContextFile(path).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CredentialsTest, AreKeptBesideTheFileAndMissedWithAdvice) {
  const TemporaryDirectory directory;
  ContextFile file;
  file.path = directory.path() + "/config.yaml";
  const Context context{.name = "one", .server = "https://h:1", .user = "admin"};
  EXPECT_THAT(std::string(LoadCredentials(file, context).status().message()),
              HasSubstr("cloudctl login https://h:1"));
  ASSERT_TRUE(SaveCredentials(file, context, {"roots", "chain", "key"}).ok());
  EXPECT_EQ(ModeOf(directory.path() + "/contexts/one/client.key"), 0600u);
  EXPECT_EQ(ModeOf(directory.path() + "/contexts/one"), 0700u);
  const auto read = LoadCredentials(file, context);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->roots_pem + read->chain_pem + read->key_pem, "rootschainkey");
  EXPECT_FALSE(SaveCredentials(file, {.name = "../x"}, {}).ok());
}

TEST(ContextFilePathTest, EnvironmentComesFirst) {
  setenv("PERIGEE_CONFIG", "/a/b.yaml", 1);
  EXPECT_EQ(*ContextFilePath(), "/a/b.yaml");
  unsetenv("PERIGEE_CONFIG");
  setenv("HOME", "/home/x", 1);
  EXPECT_EQ(*ContextFilePath(), "/home/x/.config/perigee/config.yaml");
}

}  // namespace
}  // namespace perigee
