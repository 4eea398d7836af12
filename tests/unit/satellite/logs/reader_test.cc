#include "satellite/logs/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <thread>

#include "satellite/shim/log_writer.h"
#include "shared/base/files.h"

namespace perigee::satellite {
namespace {

using ::testing::ElementsAre;

const absl::Time kStart = absl::FromUnixSeconds(1'777'863'721);

class ReaderTest : public ::testing::Test {
 protected:
  ReaderTest() {
    char path[] = "/tmp/perigee-logs-XXXXXX";
    directory_ = mkdtemp(path);
  }
  ~ReaderTest() override { (void)RemoveTree(directory_); }

  std::vector<std::string> Read(const LogQuery& query = {}) const {
    std::vector<std::string> texts;
    auto lines = ReadLogs(directory_, query);
    EXPECT_TRUE(lines.ok()) << lines.status();
    if (lines.ok()) {
      for (const LogLine& line : *lines) texts.push_back(line.text);
    }
    return texts;
  }
  void Write(const std::string& name, int from, int to) {
    std::string content;
    for (int i = from; i < to; ++i) {
      content +=
          EncodeLogLine({kStart + absl::Seconds(i), i % 2 == 0 ? LogStream::kStdout : LogStream::kStderr,
                         false, std::to_string(i)});
    }
    ASSERT_TRUE(WriteRuntimeFile(directory_ + "/" + name, content, 0600).ok());
  }

  std::string directory_;
};

TEST_F(ReaderTest, ReadsBothFilesInOrder) {
  Write("previous", 0, 3);
  Write("current", 3, 5);
  EXPECT_THAT(Read(), ElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(ReaderTest, TailSinceAndStreams) {
  Write("previous", 0, 4);
  Write("current", 4, 8);
  EXPECT_THAT(Read({.tail = 2}), ElementsAre("6", "7"));
  EXPECT_THAT(Read({.tail = 5}), ElementsAre("3", "4", "5", "6", "7"));
  EXPECT_THAT(Read({.tail = 0}), ElementsAre());
  EXPECT_THAT(Read({.since = kStart + absl::Seconds(6)}), ElementsAre("6", "7"));
  EXPECT_THAT(Read({.from_stderr = false}), ElementsAre("0", "2", "4", "6"));
  EXPECT_THAT(Read({.tail = 2, .since = kStart + absl::Seconds(2), .from_stdout = false}),
              ElementsAre("5", "7"));
}

TEST_F(ReaderTest, NothingCapturedIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ReadLogs(directory_, {}).status()));
  EXPECT_TRUE(absl::IsNotFound(ReadLogs(directory_ + "/none", {}).status()));
}

TEST_F(ReaderTest, DamagedRecordsAreLeftOut) {
  ASSERT_TRUE(WriteRuntimeFile(directory_ + "/current",
                               std::string("half a rec\n\0\0\0\n", 15) +
                                   EncodeLogLine({kStart, LogStream::kStdout, false, "good"}) +
                                   "2026-05-04T03:0",
                               0600)
                  .ok());
  EXPECT_THAT(Read(), ElementsAre("good"));
}

TEST_F(ReaderTest, RotationMeanwhileLosesNothingOfTheNewest) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    LogWriter log({.directory = directory_, .budget = 64 << 10});
    for (int i = 0; !stop; ++i) log.Append(LogStream::kStdout, std::to_string(i) + "\n", kStart);
  });
  while (!FileExists(directory_ + "/previous")) std::this_thread::yield();
  for (int round = 0; round < 200; ++round) {
    const std::vector<std::string> texts = Read();
    for (size_t i = 1; i < texts.size(); ++i) ASSERT_EQ(std::stoi(texts[i]), std::stoi(texts[i - 1]) + 1);
  }
  stop = true;
  writer.join();
}

TEST(FormatLogLine, EscapesWhatATerminalWouldObey) {
  const struct {
    const char* name;
    const char* text;
    const char* shown;
  } kCases[] = {
      {"plain", "text\twith tab", "text\twith tab"},
      {"escape sequence", "\x1b[31mred", "\\x1b[31mred"},
      {"carriage return", "a\rb", "a\\x0db"},
      {"umlaut and emoji", "gr\u00fc\u00df \U0001f600", "gr\u00fc\u00df \U0001f600"},
      {"C1 control", "\xc2\x9b", "\\xc2\\x9b"},
      {"not UTF-8", "\xff\xfe", "\\xff\\xfe"},
      {"overlong", "\xc0\xaf", "\\xc0\\xaf"},
      {"cut off", "\xe2\x82", "\\xe2\\x82"},
      {"turned around", "\u202egnp", "\\xe2\\x80\\xaegnp"},
      {"delete", "\x7f", "\\x7f"},
  };
  for (const auto& c : kCases) {
    const LogLine line{kStart, LogStream::kStdout, false, c.text};
    EXPECT_EQ(FormatLogLine(line), std::string("2026-05-04T03:02:01.000000Z stdout ") + c.shown) << c.name;
  }
}

}  // namespace
}  // namespace perigee::satellite
