#include "control-plane/identity/facts.h"

#include <gtest/gtest.h>

namespace perigee::control {
namespace {

TEST(SanitizeTextTest, Table) {
  struct Case {
    const char* name;
    std::string text;
    std::string expected;
  };
  const Case cases[] = {
      {"plain", "berlin-1", "berlin-1"},
      {"umlaut and kanji stay", "Zürich 東京", "Zürich 東京"},
      {"newlines and escapes", "a\r\nb\x1b[31mc\x07", "ab[31mc"},
      {"nul", std::string("a\0b", 3), "ab"},
      {"c1 control",
       "a\xC2\x9B"
       "b",
       "ab"},
      {"bidirectional override",
       "a\xE2\x80\xAE"
       "b",
       "ab"},
      {"isolate",
       "a\xE2\x81\xA6"
       "b",
       "ab"},
      {"zero width and BOM",
       "a\xE2\x80\x8B\xEF\xBB\xBF"
       "b",
       "ab"},
      {"tag characters",
       "a\xF3\xA0\x80\x81"
       "b",
       "ab"},
      {"stray and overlong bytes",
       "a\xFF\xC0\xAF\xED\xA0\x80"
       "b",
       "ab"},
      {"cut short", "a\xE6\x9D", "a"},
  };
  for (const Case& c : cases) EXPECT_EQ(SanitizeText(c.text, 100), c.expected) << c.name;
}

TEST(SanitizeTextTest, NeverCutsACharacter) {
  EXPECT_EQ(SanitizeText("äää", 3), "ä");
  EXPECT_EQ(SanitizeText("abc", 2), "ab");
}

TEST(SanitizeFactsTest, BoundsEverything) {
  v1::SatelliteFacts facts;
  facts.set_hostname(std::string(100'000, 'h'));
  facts.set_address("10.0.0.1\n");
  facts.set_platform("linux/amd64");
  for (int i = 0; i < 1'000; ++i) {
    facts.add_features("f");
    facts.add_programs("p\n");
    (*facts.mutable_capacity())["device" + std::to_string(i)] = "1";
  }
  const v1::SatelliteFacts result = SanitizeFacts(facts);
  EXPECT_EQ(result.hostname().size(), 256u);
  EXPECT_EQ(result.address(), "");
  EXPECT_EQ(result.platform(), "linux/amd64");
  EXPECT_EQ(result.features_size(), 64);
  EXPECT_EQ(result.programs_size(), 256);
  EXPECT_EQ(result.programs(0), "p");
  EXPECT_EQ(result.capacity_size(), 64);
}

TEST(SanitizeFactsTest, KeepsOnlyQuantities) {
  v1::SatelliteFacts facts;
  facts.set_address("2001:db8::1");
  (*facts.mutable_capacity())["cpu"] = "4";
  (*facts.mutable_capacity())["memory"] = "8Gi";
  (*facts.mutable_capacity())["bad"] = "1e999";
  (*facts.mutable_capacity())["bad key"] = "1";
  const v1::SatelliteFacts result = SanitizeFacts(facts);
  EXPECT_EQ(result.address(), "2001:db8::1");
  EXPECT_EQ(result.capacity_size(), 2);
  EXPECT_EQ(result.capacity().at("cpu"), "4");
  EXPECT_EQ(result.capacity().at("memory"), "8Gi");
}

}  // namespace
}  // namespace perigee::control
