#include <gtest/gtest.h>
#include <stdlib.h>

#include <random>

#include "satellite/shim/log_writer.h"
#include "satellite/shim/protocol.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "tests/property/rounds.h"

namespace perigee::satellite {
namespace {

std::string RandomText(std::mt19937& random, size_t longest) {
  static constexpr char kLetters[] = "ab/.\n =\0-1\xff";
  std::string text(random() % (longest + 1), ' ');
  for (char& c : text) c = kLetters[random() % (sizeof kLetters - 1)];
  return text;
}

Spec RandomSpec(std::mt19937& random) {
  Spec spec;
  spec.run.id = RandomText(random, 8);
  spec.run.entry_sha256 = RandomText(random, 8);
  for (size_t i = random() % 4; i-- > 0;) spec.run.command.push_back(RandomText(random, 6));
  for (size_t i = random() % 4; i-- > 0;) spec.run.env.push_back(RandomText(random, 6));
  for (size_t i = random() % 4; i-- > 0;) {
    spec.run.files.push_back(
        {RandomText(random, 12), static_cast<uint32_t>(random() % 01000), RandomText(random, 9)});
  }
  spec.run.workdir = RandomText(random, 5);
  spec.run.log_budget = random();
  spec.run.limits = {static_cast<int64_t>(random()), static_cast<int64_t>(random() % 9),
                     static_cast<int64_t>(random())};
  spec.run.grace = absl::Milliseconds(random() % 100'000);
  if (random() % 2 == 0) spec.run.lease = absl::Nanoseconds(random());
  spec.confinement.uid = static_cast<int64_t>(random() % 3) - 1;
  for (size_t i = random() % 3; i-- > 0;) spec.confinement.cgroups.push_back(RandomText(random, 6));
  return spec;
}

TEST(ShimProperty, AnySpecReadsAsWrittenAndDamageIsNeverMoreThanAnError) {
  for (const uint32_t seed : Rounds(2000)) {
    std::mt19937 random(seed);
    const Spec spec = RandomSpec(random);
    SpecRecords records = EncodeSpec(spec);
    records.on_disk.merge(records.in_memory);
    std::string bytes = EncodeRecord(records.on_disk);
    const auto record = DecodeRecord(bytes);
    ASSERT_TRUE(record.ok()) << "seed " << seed;
    const auto decoded = DecodeSpec(*record);
    ASSERT_TRUE(decoded.ok()) << "seed " << seed << ": " << decoded.status();
    ASSERT_EQ(*decoded, spec) << "seed " << seed;
    for (int i = 0; i < 5; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto damaged = DecodeRecord(bytes);
    if (!damaged.ok()) continue;
    const auto damaged_spec = DecodeSpec(*damaged);
    if (damaged_spec.ok()) (void)ValidateRun(damaged_spec->run);
    (void)DecodeState(*damaged);
  }
}

// What validation lets through can be placed: no path leaves its place.
TEST(ShimProperty, AnAcceptedPathHasNoWayUp) {
  for (const uint32_t seed : Rounds(20'000)) {
    std::mt19937 random(seed);
    const std::string path = RandomText(random, 12);
    if (!IsNormalAbsolutePath(path)) continue;
    ASSERT_EQ(path[0], '/') << "seed " << seed;
    const std::string closed = path + "/";
    for (const char* way : {"/../", "/./"}) ASSERT_EQ(closed.find(way), std::string::npos) << "seed " << seed;
    ASSERT_EQ(path.find("//"), std::string::npos) << "seed " << seed;
    ASSERT_EQ(path.find('\0'), std::string::npos) << "seed " << seed;
  }
}

// However output comes cut into pieces, the records say the same.
TEST(ShimProperty, LinesDoNotDependOnThePiecesTheyCameIn) {
  char path[] = "/tmp/perigee-shim-property-XXXXXX";
  const std::string root = mkdtemp(path);
  for (const uint32_t seed : Rounds(50)) {
    std::mt19937 random(seed);
    std::string output;
    while (output.size() < 3 * limits::kLogLineBytes) {
      output += std::string(random() % (random() % 5 == 0 ? 2 * limits::kLogLineBytes : 40), 'x') + "\n";
    }
    const std::string whole = root + "/whole-" + std::to_string(seed);
    const std::string cut = root + "/cut-" + std::to_string(seed);
    LogWriter one({.directory = whole, .budget = 64 << 20});
    LogWriter many({.directory = cut, .budget = 64 << 20});
    one.Append(LogStream::kStdout, output, absl::UnixEpoch());
    for (size_t begin = 0; begin < output.size();) {
      const size_t length = std::min<size_t>(1 + random() % 5'000, output.size() - begin);
      many.Append(LogStream::kStdout, std::string_view(output).substr(begin, length), absl::UnixEpoch());
      begin += length;
    }
    const auto expected = ReadFile(whole + "/current", 64 << 20);
    const auto actual = ReadFile(cut + "/current", 64 << 20);
    ASSERT_TRUE(expected.ok() && actual.ok());
    ASSERT_EQ(*actual, *expected) << "seed " << seed;
  }
  EXPECT_TRUE(RemoveTree(root).ok());
}

}  // namespace
}  // namespace perigee::satellite
