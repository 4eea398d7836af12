#include "shared/base/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace perigee {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

absl::StatusOr<int> Half(int n) {
  if (n % 2 != 0) return absl::InvalidArgumentError("odd");
  return n / 2;
}

absl::StatusOr<int> Quarter(int n) {
  PERIGEE_ASSIGN_OR_RETURN(const int half, Half(n));
  PERIGEE_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

absl::Status CheckHalf(int n) {
  PERIGEE_RETURN_IF_ERROR(Half(n));
  return absl::OkStatus();
}

TEST(Status, AnnotationKeepsCodeAndPayloads) {
  absl::Status inner = absl::NotFoundError("no such key");
  inner.SetPayload("perigee/test", absl::Cord("payload"));
  const absl::Status outer = Annotate(inner, "reading the head");
  EXPECT_EQ(outer.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ToStd(outer.message()), "reading the head: no such key");
  EXPECT_EQ(outer.GetPayload("perigee/test"), absl::Cord("payload"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "anything").ok());
}

TEST(Status, MacrosReturnEarly) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
  EXPECT_TRUE(CheckHalf(2).ok());
  EXPECT_FALSE(CheckHalf(3).ok());
}

TEST(Status, ErrnoGivesCodeAndText) {
  struct Case {
    const char* name;
    int error;
    absl::StatusCode code;
  };
  const Case cases[] = {{"missing", ENOENT, absl::StatusCode::kNotFound},
                        {"full disk", ENOSPC, absl::StatusCode::kResourceExhausted},
                        {"not allowed", EACCES, absl::StatusCode::kPermissionDenied},
                        {"refused", ECONNREFUSED, absl::StatusCode::kUnavailable}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const absl::Status status = ErrnoStatus(c.error, "opening /x");
    EXPECT_EQ(status.code(), c.code);
    EXPECT_THAT(std::string(status.message()), StartsWith("opening /x: "));
  }
}

TEST(StatusDeathTest, AssertionAbortsInEveryBuild) {
  EXPECT_DEATH(PERIGEE_ASSERT(1 + 1 == 3), "assertion failed at .*status_test.cc.*1 \\+ 1 == 3");
}

}  // namespace
}  // namespace perigee
