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
  Table table({{"NAME"}, {"STATE"}, {"CITY", Column::kShrinks}, {"MESSAGE", Column::kWraps}});
  table.AddRow(
      {{"a-long-name-of-a-replica"}, {"Unhealthy"}, {std::string(30, 'c')}, {std::string(200, 'x')}});
  table.AddRow({{"b"},
                {"Ready"},
                {"c"},
                {"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E and so on and so on and so on and so on"}});
  for (const size_t width : {50u, 80u, 132u, 200u}) {
    for (absl::string_view line : absl::StrSplit(table.Render({.width = width}), '\n')) {
      EXPECT_LE(DisplayWidth(std::string(line)), width) << line;
    }
  }
  EXPECT_NE(table.Render({.width = 80}).find("a-long-name-of-a-replica  Unhealthy  ccc"), std::string::npos);
}

TEST(TableTest, NeverCutsWhatIsWhole) {
  Table table({{"NAME"}, {"SITE"}, {.title = "AGE", .optional = true}, {"MESSAGE", Column::kWraps}});
  const std::string name(63, 'n');
  const std::string site(40, 's');
  table.AddRow({{name}, {site}, {"3h"}, {"one two three"}});
  for (const size_t width : {1u, 20u, 80u, 104u}) {
    const std::string text = table.Render({.width = width});
    EXPECT_NE(text.find(name + "  " + site), std::string::npos) << width;
    EXPECT_EQ(text.find("AGE"), std::string::npos) << width;
    EXPECT_NE(text.find("three"), std::string::npos) << width;
    EXPECT_EQ(text.find("…"), std::string::npos) << width;
  }
  EXPECT_NE(table.Render({.width = 80, .everything = true}).find(site + "  3h"), std::string::npos);
}

TEST(TableTest, LongTextsGoOnUnderThemselvesOrBelow) {
  Table table({{"NAME"}, {"MESSAGE", Column::kWraps}, {"AGE"}});
  table.AddRow({{"web-0"}, {"the port 8080 is taken by another process"}, {"3h"}});
  EXPECT_EQ(table.Render({.width = 36}),
            "NAME   MESSAGE                   AGE\n"
            "web-0  the port 8080 is taken    3h\n"
            "       by another process\n");
  EXPECT_EQ(table.Render({.width = 30}),
            "NAME   AGE\n"
            "web-0  3h\n"
            "    the port 8080 is taken by\n"
            "    another process\n");
}

TEST(TableTest, ColumnsStayUnderEachOtherWhenRowsCome) {
  Table table({{"NAME"}, {"MESSAGE", Column::kWraps}, {"AGE"}});
  EXPECT_EQ(table.RenderNew({.width = 60}), "");
  table.AddRow({{"web"}, {"ok"}, {"3h"}});
  EXPECT_EQ(table.RenderNew({.width = 60}), "NAME  MESSAGE  AGE\nweb   ok       3h\n");
  table.AddRow({{"checkout"}, {"a longer text"}, {"3h"}});
  EXPECT_EQ(table.RenderNew({.width = 60}), "checkout  a longer text  3h\n");
  table.AddRow({{"web"}, {"ok"}, {"4h"}});
  EXPECT_EQ(table.RenderNew({.width = 60}), "web       ok             4h\n");
  EXPECT_EQ(table.RenderNew({.width = 60}), "");
  EXPECT_EQ(table.RenderNew({.width = 20}), "") << "a table prints each row once";
}

TEST(TableTest, TitlesComeAgainWhenAColumnIsLeftOut) {
  Table table({{"NAME"}, {.title = "AGE", .optional = true}});
  table.AddRow({{"web"}, {"3h"}});
  EXPECT_EQ(table.RenderNew({.width = 10}), "NAME  AGE\nweb   3h\n");
  table.AddRow({{"longer-name"}, {"3h"}});
  EXPECT_EQ(table.RenderNew({.width = 10}), "NAME\nlonger-name\n");
  table.AddRow({{"web"}, {"3h"}});
  EXPECT_EQ(table.RenderNew({.width = 10}), "web\n");
}

TEST(WrappedTest, BreaksAtWords) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(Wrapped("one two three", 0), Lines{"one two three"});
  EXPECT_EQ(Wrapped("one two three", 13), Lines{"one two three"});
  EXPECT_EQ(Wrapped("one two three", 8), (Lines{"one two", "three"}));
  EXPECT_EQ(Wrapped("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(Wrapped("one  abcdefgh", 4), (Lines{"one", "abcd", "efgh"}));
  EXPECT_EQ(Wrapped("\xE6\x97\xA5\xE6\x9C\xAC", 1), (Lines{"\xE6\x97\xA5", "\xE6\x9C\xAC"}));
  EXPECT_EQ(Wrapped("", 4), Lines{""});
}

TEST(WrappedTest, HangsUnderItsBeginning) {
  EXPECT_EQ(Hanging("  Next: ", "look at the logs of it", {.width = 30}), "  Next: look at the logs of it\n");
  EXPECT_EQ(Hanging("  Next: ", "look at the logs of it now", {.width = 30}),
            "  Next: look at the logs of it\n        now\n");
  EXPECT_EQ(Hanging("", "a b", {.width = 0}), "a b\n");
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
