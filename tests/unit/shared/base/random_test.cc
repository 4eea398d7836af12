#include "shared/base/random.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace perigee {
namespace {

TEST(Random, SeededIsRepeatable) {
  SeededRandom a(7), b(7), c(8);
  const std::string first = a.Bytes(100);
  EXPECT_EQ(first, b.Bytes(100));
  EXPECT_NE(first, c.Bytes(100));
  EXPECT_EQ(a.Bytes(3).size(), 3u);
}

TEST(Random, SystemDoesNotRepeatItself) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(SystemRandom().Bytes(16));
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Random, FractionIsUniform) {
  SeededRandom random(1);
  int in_tenth[10] = {};
  for (int i = 0; i < 10'000; ++i) {
    const double fraction = random.Fraction();
    ASSERT_GE(fraction, 0.0);
    ASSERT_LT(fraction, 1.0);
    ++in_tenth[static_cast<int>(fraction * 10)];
  }
  for (const int count : in_tenth) EXPECT_NEAR(count, 1000, 150);
}

TEST(Uid, IsVersion7OrderedByTime) {
  SeededRandom random(1);
  const absl::Time now = absl::FromUnixMillis(0x0123456789ab);
  const std::string uid = NewUid(random, now);
  EXPECT_TRUE(std::regex_match(uid, std::regex("01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")))
      << uid;
  EXPECT_LT(uid, NewUid(random, now + absl::Milliseconds(1)));
  EXPECT_NE(uid, NewUid(random, now));
}

TEST(Token, HasNoLookAlikes) {
  SeededRandom random(1);
  const std::string token = NewToken(random, 10'000);
  EXPECT_EQ(token.size(), 10'000u);
  EXPECT_EQ(token.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"), std::string::npos);
  EXPECT_EQ(std::set<char>(token.begin(), token.end()).size(), 32u);
}

TEST(Text, HexRoundTripAndRefusals) {
  EXPECT_EQ(HexEncode(std::string_view("\x00\xff\x1a", 3)), "00ff1a");
  EXPECT_EQ(*HexDecode("00Ff1a"), std::string("\x00\xff\x1a", 3));
  for (const char* text : {"0", "0g", "0x11", " 11", "1 1"}) EXPECT_FALSE(HexDecode(text).ok()) << text;
}

TEST(Text, Base64UrlRoundTripAndRefusals) {
  SeededRandom random(3);
  for (size_t size = 0; size < 50; ++size) {
    const std::string bytes = random.Bytes(size);
    EXPECT_EQ(*Base64UrlDecode(Base64UrlEncode(bytes)), bytes);
  }
  for (const char* text : {"AA==", "A", "AB", "A A", "+/+/", "AAA\n"})
    EXPECT_FALSE(Base64UrlDecode(text).ok()) << text;
}

}  // namespace
}  // namespace perigee
