#include "satellite/link/reconnect.h"

#include <gtest/gtest.h>

#include "satellite/link/network.h"

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
