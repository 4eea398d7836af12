#include "satellite/link/reconnect.h"

#include <gtest/gtest.h>

#include "satellite/link/network.h"
#include "satellite/link/time_floor.h"
#include "shared/pki/verify.h"

namespace perigee::satellite {
namespace {

TEST(Reconnect, FirstWithinASecondThenUpToThirty) {
  Reconnect reconnect;
  EXPECT_LE(reconnect.Next(0.999, absl::ZeroDuration()), absl::Seconds(1));
  absl::Duration longest = absl::ZeroDuration();
  for (int i = 0; i < 20; ++i) longest = std::max(longest, reconnect.Next(0.999, absl::ZeroDuration()));
  EXPECT_GT(longest, absl::Seconds(29));
  EXPECT_LE(longest, absl::Seconds(30));
  reconnect.OnUp();
  EXPECT_LE(reconnect.Next(0.999, absl::ZeroDuration()), absl::Seconds(1));
}

TEST(Reconnect, AnAskedForTimeIsKeptWithJitterOnTop) {
  Reconnect reconnect;
  for (double fraction : {0.0, 0.5, 0.999}) {
    const absl::Duration wait = reconnect.Next(fraction, absl::Hours(1));
    EXPECT_GE(wait, absl::Hours(1));
    EXPECT_LE(wait, absl::Hours(1) + absl::Minutes(15));
  }
}

TEST(Renewal, IsDueAfterAThirdOfTheLife) {
  const absl::Time from = absl::FromUnixSeconds(0);
  const absl::Time until = from + absl::Hours(90);
  EXPECT_FALSE(RenewalDue(from, until, from + absl::Hours(29)));
  EXPECT_TRUE(RenewalDue(from, until, from + absl::Hours(30)));
  EXPECT_TRUE(RenewalDue(from, until, until + absl::Hours(1)));
}

TEST(Refusal, IsAConnectionThatBreaksNotOneThatIsNotMade) {
  for (const char* text : {"last error: UNAVAILABLE: ipv4:127.0.0.1:1: Socket closed",
                           "Ssl handshake failed: SSL_ERROR_SSL", "Connection reset by peer"}) {
    EXPECT_TRUE(LooksRefused(absl::UnavailableError(text))) << text;
  }
  EXPECT_FALSE(LooksRefused(absl::UnavailableError("Failed to connect to remote host: Connection refused")));
  EXPECT_FALSE(LooksRefused(absl::UnavailableError("DNS resolution failed")));
  EXPECT_FALSE(LooksRefused(absl::PermissionDeniedError("goodbye: Socket closed")));
  EXPECT_FALSE(LooksRefused(absl::OkStatus()));
}

class TimeFloor : public ::testing::Test {
 protected:
  static absl::Time Day(int day) { return BuildTime() + absl::Hours(24 * day); }
  static constexpr absl::Duration kStep = absl::Hours(1);
};

TEST_F(TimeFloor, FollowsAControlPlaneThatIsRight) {
  EXPECT_EQ(RaisedFloor(Day(1), Day(9), Day(9)), Day(9));
  EXPECT_EQ(RaisedFloor(Day(9), Day(8), Day(9)), Day(9)) << "it never falls";
}

TEST_F(TimeFloor, AJumpOfTheControlPlaneLeavesItAStepAboveARightClock) {
  absl::Time floor = Day(9);
  for (int word = 0; word < 1000; ++word) floor = RaisedFloor(floor, Day(4000), Day(10));
  EXPECT_EQ(floor, Day(10) + kStep);
}

TEST_F(TimeFloor, AClockThatWasNeverSetFollowsStepByStep) {
  const absl::Time unset = absl::UnixEpoch() + absl::Minutes(1);
  EXPECT_EQ(RaisedFloor(absl::UnixEpoch(), Day(30), unset), BuildTime() + kStep);
  absl::Time floor = absl::UnixEpoch();
  for (int word = 0; word < 24 * 30; ++word) floor = RaisedFloor(floor, Day(30), unset);
  EXPECT_EQ(floor, Day(30));
}

TEST_F(TimeFloor, AClockThatWasSetBackDoesNotHoldItDown) {
  EXPECT_EQ(RaisedFloor(Day(30), Day(31), Day(20)), Day(30) + kStep);
}

TEST(Network, LoopbackIsAlwaysWithinReach) {
  for (const char* endpoint : {"127.0.0.1:7444", "127.3.2.1:1", "[::1]:7444", "localhost:7444"}) {
    EXPECT_TRUE(IsLoopback(endpoint)) << endpoint;
    EXPECT_TRUE(MayReach(endpoint)) << endpoint;
  }
  for (const char* endpoint : {"198.51.100.7:7444", "[2001:db8::1]:7444", "centre.example:7444"}) {
    EXPECT_FALSE(IsLoopback(endpoint)) << endpoint;
  }
}

}  // namespace
}  // namespace perigee::satellite
