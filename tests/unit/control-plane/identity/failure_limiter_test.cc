#include "control-plane/identity/failure_limiter.h"

#include <gtest/gtest.h>

namespace perigee::control {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'900'000'000);

TEST(FailureLimiterTest, FiveAMinuteForEachAddress) {
  FailureLimiter limiter(5, absl::Minutes(1));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limiter.Begin("a", kNow + absl::Seconds(i)), absl::ZeroDuration());
  EXPECT_EQ(limiter.Begin("a", kNow + absl::Seconds(10)), absl::Seconds(50));
  EXPECT_EQ(limiter.Begin("b", kNow + absl::Seconds(10)), absl::ZeroDuration());
  EXPECT_EQ(limiter.Begin("a", kNow + absl::Seconds(60)), absl::ZeroDuration());
  EXPECT_GT(limiter.Begin("a", kNow + absl::Seconds(60)), absl::ZeroDuration());
}

TEST(FailureLimiterTest, SuccessDoesNotCount) {
  FailureLimiter limiter(5, absl::Minutes(1));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(limiter.Begin("a", kNow), absl::ZeroDuration());
    limiter.Succeed("a");
  }
}

TEST(FailureLimiterTest, BoundedInMemory) {
  FailureLimiter limiter(5, absl::Minutes(1));
  for (int i = 0; i < 25'000; ++i) {
    EXPECT_EQ(limiter.Begin(std::to_string(i), kNow + absl::Milliseconds(i)), absl::ZeroDuration());
  }
}

}  // namespace
}  // namespace perigee::control
