#include "shared/telemetry/escape.h"

#include <gtest/gtest.h>

#include "shared/base/random.h"

namespace perigee {
namespace {

TEST(EscapeForTerminal, Cases) {
  struct Case {
    const char* name;
    std::string text, escaped;
  };
  const Case cases[] = {
      {"plain", "Berlin 7 @#~", "Berlin 7 @#~"},
      {"empty", "", ""},
      {"letters of the world", "Zürich 東京 🚀", "Zürich 東京 🚀"},
      {"new lines", "a\nb\r\tc", "a\\nb\\r\\tc"},
      {"backslash", "a\\nb", "a\\\\nb"},
      {"colour", "\x1b[31mred", "\\x1b[31mred"},
      {"title and bell", "\x1b]0;pwned\x07", "\\x1b]0;pwned\\x07"},
      {"null and delete", std::string("\0\x7f", 2), "\\x00\\x7f"},
      {"C1 control as UTF-8",
       "\xc2\x9b"
       "31m",
       "\\u{009b}31m"},
      {"C1 control as a byte",
       "\x9b"
       "31m",
       "\\x9b31m"},
      {"right to left override",
       "a\u202e"
       "b",
       "a\\u{202e}b"},
      {"isolate", "\u2066x\u2069", "\\u{2066}x\\u{2069}"},
      {"zero width",
       "a\u200b\u200d"
       "b\ufeff",
       "a\\u{200b}\\u{200d}b\\u{feff}"},
      {"line separators", "a\u2028\u2029", "a\\u{2028}\\u{2029}"},
      {"tag characters", "\U000e0041", "\\u{e0041}"},
      {"overlong", "\xc0\xaf", "\\xc0\\xaf"},
      {"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"beyond Unicode", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      {"cut off", "a\xe6\x9d", "a\\xe6\\x9d"},
  };
  for (const Case& c : cases) EXPECT_EQ(EscapeForTerminal(c.text), c.escaped) << c.name;
}

TEST(EscapeForTerminal, AnyBytesBecomeSafe) {
  SeededRandom random(5);
  for (int i = 0; i < 20'000; ++i) {
    const std::string escaped = EscapeForTerminal(random.Bytes(40));
    for (const char c : escaped) {
      ASSERT_GE(static_cast<unsigned char>(c), 0x20u);
      ASSERT_NE(c, 0x7f);
    }
  }
}

}  // namespace
}  // namespace perigee
