#include "shared/table/table.h"

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace perigee {
namespace {

constexpr Rendering kWide{.width = 0};

TEST(TableTest, AlignsColumns) {
  Table table({{"NAME"}, {"READY", Column::kWhole, true}, {"MESSAGE", Column::kShrinks}});
  table.AddRow({{"web"}, {"3"}, {"ok"}});
  table.AddRow({{"checkout"}, {"12"}});
  EXPECT_EQ(table.Render(kWide),
            "NAME      READY  MESSAGE\n"
            "web           3  ok\n"
            "checkout     12\n");
  EXPECT_EQ(table.Render(kWide, false), "web        3  ok\ncheckout  12\n");
}

TEST(TableTest, IsEmptyWithoutRows) {
  EXPECT_EQ(Table({{"A"}}).Render(kWide), "");
}

TEST(TableTest, FitsTheTerminal) {
  Table table({{"NAME"}, {"STATE"}, {"MESSAGE", Column::kShrinks}});
  table.AddRow({{"a-long-name-of-a-replica"}, {"Unhealthy"}, {std::string(200, 'x')}});
  table.AddRow(
      {{"b"}, {"Ready"}, {"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E and so on and so on and so on and so on"}});
  for (const size_t width : {10u, 20u, 40u, 80u, 132u}) {
    for (absl::string_view line : absl::StrSplit(table.Render({.width = width}), '\n')) {
      EXPECT_LE(DisplayWidth(std::string(line)), width) << line;
    }
  }
  EXPECT_NE(table.Render({.width = 80}).find("a-long-name-of-a-replica  Unhealthy  xxx"), std::string::npos);
}

TEST(TableTest, ColoursOnlyWhereAsked) {
  Table table({{"STATE"}, {"X"}});
  table.AddRow({{"Failed", Tone::kBad}, {"y"}});
  EXPECT_EQ(table.Render({.width = 80, .colours = true}, false), "\x1b[31mFailed\x1b[0m  y\n");
  EXPECT_EQ(table.Render({.width = 80, .colours = false}, false), "Failed  y\n");
}

struct Case {
  const char* name;
  std::string text;
  std::string expected;
};

class PrintableTest : public ::testing::TestWithParam<Case> {};

TEST_P(PrintableTest, MakesTextsHarmless) {
  EXPECT_EQ(Printable(GetParam().text), GetParam().expected);
  Table table({{"A"}, {"B"}});
  table.AddRow({{GetParam().text}, {"end"}});
  const std::string line = table.Render(kWide, false);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << "one record is one line";
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Texts, PrintableTest,
                         ::testing::Values(Case{"Plain", "plain text", "plain text"}, Case{"Empty", "", ""},
                                           Case{"Umlaut", "M\xC3\xBCnchen", "M\xC3\xBCnchen"},
                                           Case{"Escape", "\x1b[31mred", "\\x1b[31mred"},
                                           Case{"Lines", "a\r\nb\tc", "a\\r\\nb\\tc"},
                                           Case{"Bell", "\a\b", "\\x07\\x08"},
                                           Case{"Delete", "\x7f", "\\x7f"},
                                           Case{"C1",
                                                "\xC2\x9B"
                                                "31m",
                                                "\\x9b31m"},
                                           Case{"Bidi",
                                                "a\xE2\x80\xAE"
                                                "b",
                                                "a\\u202eb"},
                                           Case{"Isolate", "\xE2\x81\xA6", "\\u2066"},
                                           Case{"ZeroWidth", "\xE2\x80\x8B", "\\u200b"},
                                           Case{"TagCharacter", "\xF3\xA0\x80\x81", "\\U000e0001"},
                                           Case{"LineSeparator", "\xE2\x80\xA8", "\\u2028"},
                                           Case{"BadUtf8", "a\xff\xc3", "a\\xff\\xc3"},
                                           Case{"Nul", std::string("a\0b", 3), "a\\x00b"}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PrintableLinesTest, KeepsLinesWhereAsked) {
  EXPECT_EQ(PrintableLines("a\n\tb\x1b"), "a\n\tb\\x1b");
}

TEST(DisplayWidthTest, CountsColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1u);
  EXPECT_EQ(DisplayWidth("\xE6\x97\xA5"), 2u);
  EXPECT_EQ(DisplayWidth("\xff"), 1u);
}

}  // namespace
}  // namespace perigee
