#include "satellite/agent/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/files.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::satellite {
namespace {

using ::testing::HasSubstr;

TEST(EnrollCommandTest, AWantedNameIsJudgedBeforeAnythingIsDone) {
  const TemporaryDirectory directory;
  for (const char* name : {"Bad Name", "berlin_1", "-berlin", "Berlin"}) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(RunEnroll({.server = "https://127.0.0.1:1",
                         .ca_hash = "sha256:" + std::string(64, '0'),
                         .token_file = directory.path() + "/token",
                         .data_dir = directory.path() + "/data",
                         .name = name}),
              kExitError);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("--name: "));
    EXPECT_FALSE(FileExists(directory.path() + "/data"));
  }
}

}  // namespace
}  // namespace perigee::satellite
