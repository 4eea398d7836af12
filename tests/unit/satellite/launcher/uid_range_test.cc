#include "satellite/launcher/uid_range.h"

#include <gtest/gtest.h>

namespace perigee::satellite {
namespace {

TEST(UidRange, Parses) {
  const auto range = ParseUidRange("700000-765535");
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(range->first, 700000);
  EXPECT_EQ(range->count, 65536);
  for (const char* text :
       {"", "5", "0-10", "10-5", "-1-5", "a-b", "1-2-3", "1-4294967295", "1-99999999999999999999"}) {
    EXPECT_FALSE(ParseUidRange(text).ok()) << text;
  }
}

TEST(PickUid, IsTheSameForTheSameReplicaAndNeverTaken) {
  const UidRange range{1000, 16};
  const auto first = PickUid(range, "replica", {});
  ASSERT_TRUE(first);
  EXPECT_EQ(PickUid(range, "replica", {}), first);
  std::set<int64_t> taken;
  for (int i = 0; i < 16; ++i) {
    const auto uid = PickUid(range, "replica", taken);
    ASSERT_TRUE(uid);
    EXPECT_GE(*uid, 1000);
    EXPECT_LT(*uid, 1016);
    EXPECT_TRUE(taken.insert(*uid).second);
  }
  EXPECT_EQ(PickUid(range, "replica", taken), std::nullopt);
  EXPECT_EQ(PickUid({1000, 0}, "replica", {}), std::nullopt);
}

TEST(IsMapped, LooksForTheWholeRange) {
  EXPECT_TRUE(IsMapped({700000, 65536}, "         0          0 4294967295\n"));
  EXPECT_FALSE(IsMapped({700000, 65536}, "0 100000 65536\n"));
  EXPECT_FALSE(IsMapped({700000, 65536}, "0 0 700001\n"));
  EXPECT_FALSE(IsMapped({700000, 65536}, ""));
}

}  // namespace
}  // namespace perigee::satellite
