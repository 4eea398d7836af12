#include "satellite/launcher/cgroups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perigee::satellite {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kHybridMounts[] =
    "28 1 0:25 / / rw - ext4 /dev/vda rw\n"
    "30 28 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "32 30 0:28 / /sys/fs/cgroup/memory rw,relatime shared:3 - cgroup cgroup rw,memory\n"
    "33 30 0:29 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "34 30 0:30 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
    "35 30 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
constexpr char kHybridOwn[] =
    "9:name=systemd:/x\n8:pids:/\n4:memory:/system.slice/perigee.service\n2:cpu,cpuacct:/\n0::/"
    "system.slice\n";

TEST(FindHierarchies, FindsTheProcessInAHybridHost) {
  EXPECT_THAT(FindHierarchies(kHybridMounts, kHybridOwn, ""),
              ElementsAre(Hierarchy{"/sys/fs/cgroup/cpu,cpuacct", false, {"cpu"}},
                          Hierarchy{"/sys/fs/cgroup/memory/system.slice/perigee.service", false, {"memory"}},
                          Hierarchy{"/sys/fs/cgroup/pids", false, {"pids"}},
                          Hierarchy{"/sys/fs/cgroup/unified/system.slice", true, {}}));
}

TEST(FindHierarchies, AConfiguredRootTakesTheProcessesPlace) {
  EXPECT_THAT(
      FindHierarchies("35 30 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/a/b\n", "/perigee-root"),
      ElementsAre(Hierarchy{"/sys/fs/cgroup/perigee-root", true, {}}));
}

TEST(FindHierarchies, InAContainerTheMountIsNotTheRoot) {
  EXPECT_THAT(
      FindHierarchies("35 30 0:31 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/docker/1/x\n", ""),
      ElementsAre(Hierarchy{"/sys/fs/cgroup/x", true, {}}));
}

TEST(FindHierarchies, TheLaunchersOwnLeafIsNotTheirParent) {
  EXPECT_THAT(FindHierarchies("35 30 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                              "0::/system.slice/p.service/perigee-launcher\n", ""),
              ElementsAre(Hierarchy{"/sys/fs/cgroup/system.slice/p.service", true, {}}));
}

TEST(FindHierarchies, OddTextIsSkipped) {
  for (const char* mounts :
       {"", "\n\n", "garbage", "1 2 3 4 5 - ", "1 2 3 / /x rw - cgroup", "- - - - - -"}) {
    EXPECT_THAT(FindHierarchies(mounts, kHybridOwn, ""), IsEmpty()) << mounts;
  }
  EXPECT_THAT(FindHierarchies(kHybridMounts, "garbage\n:::\n", ""), IsEmpty());
}

TEST(Cgroups, NoneMeansNone) {
  const Cgroups cgroups = Cgroups::Detect({.root = "none", .instance = "test"});
  CgroupPlan plan = cgroups.PlanFor("a");
  EXPECT_THAT(plan.directories, IsEmpty());
  EXPECT_THAT(cgroups.Create(plan, {1 << 20, 100, 5}),
              ElementsAre("cgroup", "memory-limit", "cpu-limit", "pids-limit"));
  EXPECT_THAT(cgroups.Create(plan, {}), ElementsAre("cgroup"));
}

}  // namespace
}  // namespace perigee::satellite
