#include "satellite/shim/log_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_split.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"

namespace perigee::satellite {
namespace {

using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixNanos(1'777'863'721'123'456'789);

class LogWriterTest : public ::testing::Test {
 protected:
  LogWriterTest() {
    char path[] = "/tmp/perigee-log-writer-XXXXXX";
    root_ = mkdtemp(path);
  }
  ~LogWriterTest() override { (void)RemoveTree(root_); }

  std::string Content(const std::string& name) const {
    auto content = ReadFile(root_ + "/logs/" + name, 64 << 20);
    return content.ok() ? *content : "";
  }
  std::vector<LogLine> Lines(const std::string& name) const {
    std::vector<LogLine> lines;
    for (const std::string& text :
         std::vector<std::string>(absl::StrSplit(Content(name), '\n', absl::SkipEmpty()))) {
      auto line = DecodeLogLine(text);
      EXPECT_TRUE(line.ok()) << text;
      if (line.ok()) lines.push_back(*std::move(line));
    }
    return lines;
  }
  LogWriter Writer(uint64_t budget = 1 << 20) const {
    return LogWriter({.directory = root_ + "/logs", .budget = budget});
  }

  std::string root_;
};

TEST_F(LogWriterTest, WritesLinesWithTimeAndStream) {
  LogWriter log = Writer();
  log.Append(LogStream::kStdout, "one\ntw", kNow);
  log.Append(LogStream::kStderr, "oops\n", kNow);
  log.Append(LogStream::kStdout, "o\n\nlast", kNow);
  log.Finish(LogStream::kStdout, kNow);
  EXPECT_EQ(Content("current"),
            "2026-05-04T03:02:01.123456789Z stdout F one\n"
            "2026-05-04T03:02:01.123456789Z stderr F oops\n"
            "2026-05-04T03:02:01.123456789Z stdout F two\n"
            "2026-05-04T03:02:01.123456789Z stdout F \n"
            "2026-05-04T03:02:01.123456789Z stdout F last\n");
}

TEST_F(LogWriterTest, CutsLongLinesAndMarksThem) {
  LogWriter log = Writer();
  const std::string limit(limits::kLogLineBytes, 'x');
  log.Append(LogStream::kStdout, limit + "\n" + limit + "y\n", kNow);
  const std::vector<LogLine> lines = Lines("current");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], (LogLine{kNow, LogStream::kStdout, false, limit}));
  EXPECT_EQ(lines[1], (LogLine{kNow, LogStream::kStdout, true, limit}));
  EXPECT_EQ(lines[2], (LogLine{kNow, LogStream::kStdout, false, "y"}));
}

TEST_F(LogWriterTest, ALineWithoutEndStaysBounded) {
  LogWriter log = Writer(1 << 20);
  for (int i = 0; i < 1000; ++i) log.Append(LogStream::kStdout, std::string(10'000, 'x'), kNow);
  for (const LogLine& line : Lines("current")) EXPECT_LE(line.text.size(), limits::kLogLineBytes);
}

TEST_F(LogWriterTest, RotatesWithinTheBudget) {
  constexpr uint64_t kBudget = 128 << 10;
  LogWriter log = Writer(kBudget);
  for (int i = 0; i < 10'000; ++i) {
    log.Append(i % 2 == 0 ? LogStream::kStdout : LogStream::kStderr,
               std::to_string(i) + std::string(90, 'x') + "\n", kNow);
  }
  const std::string current = Content("current");
  const std::string previous = Content("previous");
  EXPECT_LE(current.size(), kBudget / 2);
  EXPECT_LE(previous.size(), kBudget / 2);
  EXPECT_GT(previous.size(), kBudget / 4);
  EXPECT_EQ(log.dropped_bytes(), 0u);
  // The newest are kept, without a gap.
  int expected = 9'999;
  for (const char* name : {"current", "previous"}) {
    const std::vector<LogLine> lines = Lines(name);
    for (auto line = lines.rbegin(); line != lines.rend(); ++line)
      EXPECT_EQ(atoi(line->text.c_str()), expected--);
  }
}

TEST_F(LogWriterTest, DropsWhatCannotBeWrittenAndSaysSoLater) {
  const std::string stolen = root_ + "/logs";
  ASSERT_TRUE(WriteRuntimeFile(stolen, "not a directory", 0600).ok());
  LogWriter log = Writer();
  log.Append(LogStream::kStdout, "lost\n", kNow);
  EXPECT_GT(log.dropped_bytes(), 0u);
  ASSERT_TRUE(RemoveFile(stolen).ok());
  log.Append(LogStream::kStdout, "still within the second\n", kNow);
  log.Append(LogStream::kStdout, "back\n", kNow + absl::Seconds(2));
  std::vector<std::string> texts;
  for (const LogLine& line : Lines("current")) texts.push_back(line.text);
  EXPECT_THAT(texts, ElementsAre(::testing::HasSubstr("bytes of output were dropped"), "back"));
}

TEST_F(LogWriterTest, AClockThatIsSetBackDoesNotSilenceIt) {
  const std::string stolen = root_ + "/logs";
  ASSERT_TRUE(WriteRuntimeFile(stolen, "", 0600).ok());
  LogWriter log = Writer();
  log.Append(LogStream::kStdout, "lost\n", kNow);
  ASSERT_TRUE(RemoveFile(stolen).ok());
  log.Append(LogStream::kStdout, "back\n", kNow - absl::Hours(24 * 365));
  EXPECT_FALSE(Lines("current").empty());
}

TEST_F(LogWriterTest, DoesNotFollowLinksOrWaitForPipes) {
  ASSERT_EQ(mkdir((root_ + "/logs").c_str(), 0700), 0);
  const std::string target = root_ + "/target";
  ASSERT_TRUE(WriteRuntimeFile(target, "untouched", 0600).ok());
  ASSERT_EQ(symlink(target.c_str(), (root_ + "/logs/current").c_str()), 0);
  LogWriter linked = Writer();
  linked.Append(LogStream::kStdout, "text\n", kNow);
  EXPECT_GT(linked.dropped_bytes(), 0u);
  EXPECT_EQ(*ReadFile(target, 100), "untouched");
  ASSERT_EQ(unlink((root_ + "/logs/current").c_str()), 0);
  ASSERT_EQ(mkfifo((root_ + "/logs/current").c_str(), 0600), 0);
  LogWriter piped = Writer();
  piped.Append(LogStream::kStdout, "text\n", kNow);
  EXPECT_GT(piped.dropped_bytes(), 0u);
}

TEST_F(LogWriterTest, ContinuesAfterHalfARecord) {
  ASSERT_EQ(mkdir((root_ + "/logs").c_str(), 0700), 0);
  ASSERT_TRUE(WriteRuntimeFile(root_ + "/logs/current", "2026-05-04T03:0", 0600).ok());
  LogWriter log = Writer();
  log.Append(LogStream::kStdout, "text\n", kNow);
  EXPECT_EQ(Content("current"), "2026-05-04T03:0\n2026-05-04T03:02:01.123456789Z stdout F text\n");
}

TEST(LogLine, ReadsAsWritten) {
  for (const LogStream stream : {LogStream::kStdout, LogStream::kStderr, LogStream::kPerigee}) {
    for (const char* text : {"", "text", " stdout F text", "\x1b[31m", "\xff"}) {
      const LogLine line{kNow, stream, stream == LogStream::kStderr, text};
      std::string encoded = EncodeLogLine(line);
      ASSERT_EQ(encoded.back(), '\n');
      encoded.pop_back();
      const auto decoded = DecodeLogLine(encoded);
      ASSERT_TRUE(decoded.ok()) << encoded;
      EXPECT_EQ(*decoded, line);
    }
  }
}

TEST(LogLine, RefusesWhatIsNone) {
  for (const char* text :
       {"", "text", "2026-05-04T03:02:01.123456789Z", "2026-05-04T03:02:01.123456789Z stdin F x",
        "2026-05-04T03:02:01.123456789Z stdout X x", "2026-05-04 03:02:01.123456789Z stdout F x",
        "2026-05-04T-3:02:01.123456789Z stdout F x"}) {
    EXPECT_FALSE(DecodeLogLine(text).ok()) << text;
  }
}

}  // namespace
}  // namespace perigee::satellite
