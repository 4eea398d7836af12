#include "control-plane/server/options.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "control-plane/server/advertised.h"
#include "control-plane/server/data_dir.h"
#include "shared/base/limits.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::control {
namespace {

std::variant<ServeOptions, Exit> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "perigee-control-plane");
  return ParseArguments(static_cast<int>(arguments.size()), arguments.data());
}

TEST(Options, DefaultsAreTheContract) {
  const auto parsed = Parse({"serve", "--data-dir", "d"});
  const auto* options = std::get_if<ServeOptions>(&parsed);
  ASSERT_NE(options, nullptr);
  EXPECT_EQ(options->listen, "0.0.0.0");
  EXPECT_EQ(options->https_port, 7443);
  EXPECT_EQ(options->grpc_port, 7444);
  EXPECT_EQ(options->heartbeat, absl::Seconds(10));
  EXPECT_EQ(options->satellite_certificate_lifetime, absl::Hours(24 * 90));
  EXPECT_EQ(options->recovery, RecoveryPolicy::kAuto);
}

TEST(Options, AllAreRead) {
  const auto parsed =
      Parse({"serve", "--data-dir", "d", "--listen", "127.0.0.1", "--https-port", "0", "--grpc-port", "1",
             "--advertise", "a", "--advertise", "b", "--satellite-certificate-lifetime", "30d", "--heartbeat",
             "500ms", "--recovery", "approve"});
  const auto* options = std::get_if<ServeOptions>(&parsed);
  ASSERT_NE(options, nullptr);
  EXPECT_EQ(options->advertise, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(options->heartbeat, absl::Milliseconds(500));
  EXPECT_EQ(options->satellite_certificate_lifetime, absl::Hours(24 * 30));
  EXPECT_EQ(options->recovery, RecoveryPolicy::kApprove);
}

TEST(Options, WrongOnesExitWithTwoAndSayWhy) {
  for (const std::vector<const char*>& arguments : std::vector<std::vector<const char*>>{
           {},
           {"serve"},
           {"fly"},
           {"serve", "--data-dir", "d", "--grpc-port", "70000"},
           {"serve", "--data-dir", "d", "--heartbeat", "0s"},
           {"serve", "--data-dir", "d", "--heartbeat", "soon"},
           {"serve", "--data-dir", "d", "--satellite-certificate-lifetime", "0d"},
           {"serve", "--data-dir", "d", "--satellite-certificate-lifetime", "4000d"},
           {"serve", "--data-dir", "d", "--recovery", "perhaps"},
           {"serve", "--data-dir", "d", "--unknown"}}) {
    const auto parsed = Parse(arguments);
    const auto* exit = std::get_if<Exit>(&parsed);
    ASSERT_NE(exit, nullptr);
    EXPECT_EQ(exit->code, 2);
    EXPECT_FALSE(exit->error.empty());
  }
}

TEST(Options, VersionIsToldInOneForm) {
  for (const char* word : {"version", "--version"}) {
    const auto version = Parse({word});
    EXPECT_EQ(std::get<Exit>(version).code, 0);
    EXPECT_EQ(std::get<Exit>(version).out, "perigee-control-plane " PERIGEE_VERSION "\n");
  }
}

TEST(DataDir, IsOfOneProcessAndItsOwner) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/a/b";
  {
    const auto first = DataDir::Open(path);
    ASSERT_TRUE(first.ok()) << first.status();
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    EXPECT_TRUE(absl::IsFailedPrecondition(DataDir::Open(path).status()));
    ASSERT_TRUE(first->WriteEndpoints({"https://h:1", "h:2", "sha256:ab"}).ok());
    const auto written = ReadFile(path + "/endpoints.json", limits::kTokenFileBytes);
    ASSERT_TRUE(written.ok());
    EXPECT_NE(written->find("\"caHash\": \"sha256:ab\""), std::string::npos);
  }
  const auto second = DataDir::Open(path);
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(FileExists(path + "/endpoints.json")) << "a start is not ready before it says so";
}

TEST(Advertised, TheHostOthersUse) {
  EXPECT_EQ(AdvertisedHost({"cloud.example", "10.0.0.1"}, "127.0.0.1", "10.0.0.9"), "cloud.example");
  EXPECT_EQ(AdvertisedHost({}, "127.0.0.1", "10.0.0.9"), "127.0.0.1");
  EXPECT_EQ(AdvertisedHost({}, "0.0.0.0", "10.0.0.9"), "10.0.0.9");
  EXPECT_EQ(AdvertisedHost({}, "::", ""), "127.0.0.1");
  EXPECT_EQ(AdvertisedHost({"fd00::1"}, "::", ""), "[fd00::1]");
}

}  // namespace
}  // namespace perigee::control
