#include "shared/session/dirty_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perigee {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

size_t One(const std::string&) {
  return 1;
}

TEST(DirtySet, NewestWins) {
  DirtySet<std::string> dirty(10);
  EXPECT_TRUE(dirty.Put("a", "old"));
  EXPECT_TRUE(dirty.Put("a", "new"));
  EXPECT_THAT(dirty.Take(10, 10, One), ElementsAre(Pair("a", "new")));
}

TEST(DirtySet, TakesTheOldestWithinItsBounds) {
  DirtySet<std::string> dirty(10);
  for (const char* key : {"c", "b", "a"}) EXPECT_TRUE(dirty.Put(key, key));
  EXPECT_THAT(dirty.Take(2, 100, One), ElementsAre(Pair("b", "b"), Pair("c", "c")));
  dirty.Acknowledge();
  EXPECT_THAT(dirty.Take(2, 0, One), ElementsAre(Pair("a", "a")));  // at least one
}

TEST(DirtySet, WhatWasInFlightComesBackUnlessThereIsNewer) {
  DirtySet<std::string> dirty(10);
  EXPECT_TRUE(dirty.Put("a", "1"));
  EXPECT_TRUE(dirty.Put("b", "1"));
  dirty.Take(10, 100, One);
  EXPECT_TRUE(dirty.Put("a", "2"));
  dirty.Return();
  EXPECT_FALSE(dirty.in_flight());
  EXPECT_THAT(dirty.Take(10, 100, One), ElementsAre(Pair("a", "2"), Pair("b", "1")));
}

TEST(DirtySet, IsBounded) {
  DirtySet<std::string> dirty(2);
  EXPECT_TRUE(dirty.Put("a", ""));
  EXPECT_TRUE(dirty.Put("b", ""));
  EXPECT_FALSE(dirty.Put("c", ""));
  EXPECT_TRUE(dirty.Put("a", "again"));
  EXPECT_EQ(dirty.size(), 2u);
}

}  // namespace
}  // namespace perigee
