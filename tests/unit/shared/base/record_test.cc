#include "shared/base/record.h"

#include <gtest/gtest.h>

#include "shared/base/random.h"

namespace perigee {
namespace {

TEST(Record, FormatIsFrozen) {
  const Record record = {{"pid", "42"}, {"command", "a\nb"}, {"empty", ""}};
  const std::string bytes = "PGR1\ncommand 3\na\nb\nempty 0\n\npid 2\n42\n";
  EXPECT_EQ(EncodeRecord(record), bytes);
  EXPECT_EQ(*DecodeRecord(bytes), record);
  EXPECT_EQ(EncodeRecord({}), "PGR1\n");
}

TEST(Record, RefusesWhatItDoesNotWrite) {
  struct Case {
    const char* name;
    std::string bytes;
  };
  const Case cases[] = {
      {"empty", ""},
      {"other magic", "PGR2\n"},
      {"cut name", "PGR1\npid"},
      {"cut length", "PGR1\npid 2"},
      {"cut value", "PGR1\npid 2\n4"},
      {"no end of value", "PGR1\npid 2\n42"},
      {"wrong end of value", "PGR1\npid 2\n42x"},
      {"leading zero", "PGR1\npid 02\n42\n"},
      {"sign", "PGR1\npid +2\n42\n"},
      {"negative", "PGR1\npid -1\n42\n"},
      {"huge length", "PGR1\npid 9999999999\n42\n"},
      {"longer than a length", "PGR1\npid 99999999999999999999\n42\n"},
      {"upper case", "PGR1\nPid 2\n42\n"},
      {"empty name", "PGR1\n 2\n42\n"},
      {"long name", "PGR1\n" + std::string(65, 'a') + " 0\n\n"},
      {"twice", "PGR1\na 0\n\na 0\n\n"},
      {"not in order", "PGR1\nb 0\n\na 0\n\n"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(DecodeRecord(c.bytes).status().code(), absl::StatusCode::kInvalidArgument) << c.name;
  }
}

TEST(Record, EveryCutAndEveryChangeIsHandled) {
  const std::string bytes = EncodeRecord({{"a", std::string(300, 'x')}, {"b.c", "1"}, {"d_e-f", ""}});
  for (size_t i = 5; i < bytes.size(); ++i) {
    const auto cut = DecodeRecord(std::string_view(bytes).substr(0, i));
    if (cut.ok()) {
      EXPECT_EQ(EncodeRecord(*cut), bytes.substr(0, i));
    }
  }
  SeededRandom random(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string changed = bytes;
    changed[static_cast<size_t>(random.Fraction() * static_cast<double>(bytes.size()))] = random.Bytes(1)[0];
    const auto decoded = DecodeRecord(changed);
    if (decoded.ok()) {
      ASSERT_EQ(EncodeRecord(*decoded), changed);
    }
  }
}

TEST(List, RoundTripAndCuts) {
  const std::vector<std::string> list = {"", "a", std::string("\0\n", 2), std::string(1000, 'z')};
  const std::string bytes = EncodeList(list);
  EXPECT_EQ(*DecodeList(bytes), list);
  EXPECT_TRUE(DecodeList("")->empty());
  EXPECT_EQ(EncodeList({"ab"}), std::string("\0\0\0\2ab", 6));
  EXPECT_FALSE(DecodeList(bytes.substr(0, bytes.size() - 1)).ok());
  EXPECT_FALSE(DecodeList(std::string("\0\0", 2)).ok());
  EXPECT_FALSE(DecodeList("\xff\xff\xff\xff").ok());
}

}  // namespace
}  // namespace perigee
