#include "satellite/shim/oom_file.h"

#include <gtest/gtest.h>

namespace perigee::satellite {
namespace {

TEST(OomFile, CountsInBothVersions) {
  EXPECT_EQ(CountOomKills("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n"), 2);
  EXPECT_EQ(CountOomKills("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"), 4);
  EXPECT_EQ(CountOomKills("oom_kill_disable 1\n"), 0);
  EXPECT_EQ(CountOomKills("oom_kill many\n"), 0);
  EXPECT_EQ(CountOomKills(""), 0);
}

}  // namespace
}  // namespace perigee::satellite
