#include "shared/telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/limits.h"

namespace perigee {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { SetLogLevel(Level::kInfo); }
  template <typename F>
  static std::string Capture(F body) {
    ::testing::internal::CaptureStderr();
    body();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, OneRecordIsOneLine) {
  ASSERT_TRUE(StartLogging("unit-test", "info").ok());
  const std::string line = Capture([] {
    Log(Level::kInfo, "satellite {} enrolled\nforged",
        {{"satellite", "berlin 1"}, {"attempt", 3}, {"bad", "x\ny\x1b"}});
  });
  EXPECT_THAT(
      line, MatchesRegex("....-..-..T..:..:..\\....Z info    unit-test: satellite \\{\\} enrolled\\\\nforged "
                         "satellite=\"berlin 1\" attempt=3 bad=x\\\\ny\\\\x1b\n"));
}

TEST_F(LogTest, LevelHides) {
  SetLogLevel(Level::kWarning);
  EXPECT_EQ(Capture([] { Log(Level::kInfo, "hidden"); }), "");
  EXPECT_THAT(Capture([] { Log(Level::kError, "shown"); }), HasSubstr("shown\n"));
  EXPECT_EQ(StartLogging("x", "loud").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*ParseLevel("debug"), Level::kDebug);
}

TEST_F(LogTest, EnvironmentSetsTheLevelUnlessAFlagDoes) {
  setenv("PERIGEE_LOG_LEVEL", "error", 1);
  ASSERT_TRUE(StartLogging("x", "").ok());
  EXPECT_EQ(Capture([] { Log(Level::kWarning, "hidden"); }), "");
  ASSERT_TRUE(StartLogging("x", "debug").ok());
  EXPECT_THAT(Capture([] { Log(Level::kDebug, "shown"); }), HasSubstr("debug"));
  unsetenv("PERIGEE_LOG_LEVEL");
}

TEST_F(LogTest, LongRecordsAreCutAtACharacter) {
  std::string text(limits::kLogLineBytes - 1, 'x');
  for (int i = 0; i < 100; ++i) text += "ü";
  const std::string line = Capture([&] { Log(Level::kInfo, text); });
  EXPECT_LT(line.size(), limits::kLogLineBytes + 100);
  EXPECT_THAT(line, ::testing::EndsWith("...\n"));
  EXPECT_EQ(line.find('\xc3') == std::string::npos, line.find('\xbc') == std::string::npos);
}

TEST(FormatRecord, ValuesOfEveryType) {
  EXPECT_EQ(FormatRecord("m", {{"s", std::string("a=b")},
                               {"e", ""},
                               {"q", "say \"hi\""},
                               {"b", true},
                               {"f", 0.5},
                               {"u", size_t{7}},
                               {"d", absl::Milliseconds(1500)},
                               {"t", absl::UnixEpoch()},
                               {"st", absl::NotFoundError("gone")}}),
            "m s=\"a=b\" e=\"\" q=\"say \\\"hi\\\"\" b=true f=0.5 u=7 d=1.5s t=1970-01-01T00:00:00+00:00 "
            "st=\"NOT_FOUND: gone\"");
}

}  // namespace
}  // namespace perigee
