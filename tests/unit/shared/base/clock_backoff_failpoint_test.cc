#include <gtest/gtest.h>

#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"

namespace perigee {
namespace {

TEST(FakeClock, MovesByHand) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  FakeClock clock(start);
  clock.Advance(absl::Seconds(5));
  clock.Step(-absl::Hours(1));
  EXPECT_EQ(clock.Now(), start + absl::Seconds(5) - absl::Hours(1));
  EXPECT_EQ(clock.SinceBoot(), std::chrono::seconds(5));
}

TEST(SystemClock, GoesOn) {
  const auto before = SystemClock().SinceBoot();
  EXPECT_GT(before.count(), 0);
  EXPECT_GE(SystemClock().SinceBoot(), before);
  EXPECT_GT(SystemClock().Now(), absl::FromUnixSeconds(1'600'000'000));
}

TEST(Backoff, DoublesUpToItsMaximum) {
  const BackoffPolicy policy{absl::Seconds(1), absl::Seconds(30)};
  const int seconds[] = {1, 2, 4, 8, 16, 30, 30};
  for (int attempt = 0; attempt < 7; ++attempt) {
    EXPECT_EQ(Exponential(policy, attempt), absl::Seconds(seconds[attempt])) << attempt;
  }
  EXPECT_EQ(Exponential(policy, 1'000'000'000), absl::Seconds(30));
  EXPECT_EQ(FullJitter(policy, 3, 0.5), absl::Seconds(4));
  EXPECT_EQ(FullJitter(policy, 3, 0), absl::ZeroDuration());
}

class FailpointTest : public ::testing::Test {
 protected:
  ~FailpointTest() override { ArmFailpoints(""); }
  static absl::Status Guarded() {
    PERIGEE_FAILPOINT("test.point");
    return absl::OkStatus();
  }
};

TEST_F(FailpointTest, OffByDefault) {
  EXPECT_TRUE(Guarded().ok());
}

TEST_F(FailpointTest, EveryPassageOrOneOnly) {
  ArmFailpoints("other=crash;test.point=error");
  EXPECT_EQ(Guarded().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Guarded().code(), absl::StatusCode::kUnavailable);
  ArmFailpoints("test.point=error@2");
  EXPECT_TRUE(Guarded().ok());
  EXPECT_FALSE(Guarded().ok());
  EXPECT_TRUE(Guarded().ok());
}

TEST_F(FailpointTest, CrashIsSigkill) {
  EXPECT_EXIT(
      {
        ArmFailpoints("test.point=crash@2");
        static_cast<void>(Guarded());
        static_cast<void>(Guarded());
      },
      ::testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FailpointTest, NonsenseIsNotIgnored) {
  EXPECT_DEATH(ArmFailpoints("test.point=explode"), "NAME=crash");
  EXPECT_DEATH(ArmFailpoints("test.point=error@x"), "NAME=crash");
}

}  // namespace
}  // namespace perigee
