#include "shared/base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/escaping.h"
#include "shared/base/clock.h"
#include "shared/base/status.h"

namespace perigee {
namespace {

class KernelRandom final : public Random {
 public:
  std::string Bytes(size_t count) override {
    std::string bytes(count, '\0');
    size_t done = 0;
    while (done < count) {
      const ssize_t got = getrandom(bytes.data() + done, count - done, 0);
      PERIGEE_ASSERT(got > 0 || errno == EINTR);
      if (got > 0) done += static_cast<size_t>(got);
    }
    return bytes;
  }
};

}  // namespace

double Random::Fraction() {
  const std::string bytes = Bytes(8);
  uint64_t bits = 0;
  for (const char byte : bytes) bits = bits << 8 | static_cast<unsigned char>(byte);
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

Random& SystemRandom() {
  static KernelRandom* const random = new KernelRandom();
  return *random;
}

SeededRandom::SeededRandom(uint64_t seed) : engine_(seed) {}

std::string SeededRandom::Bytes(size_t count) {
  absl::MutexLock lock(&mutex_);
  std::string bytes;
  bytes.reserve(count + 8);
  while (bytes.size() < count) {
    uint64_t word = engine_();
    for (int i = 0; i < 8; ++i, word >>= 8) bytes.push_back(static_cast<char>(word & 0xff));
  }
  bytes.resize(count);
  return bytes;
}

std::string NewUid(Random& random) {
  return NewUid(random, SystemClock().Now());
}

std::string NewUid(Random& random, absl::Time now) {
  std::string bytes = random.Bytes(16);
  const auto milliseconds = static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMillis(now)));
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<char>(milliseconds >> (40 - 8 * i) & 0xff);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x70);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string text = HexEncode(bytes);
  for (const size_t position : {20, 16, 12, 8}) text.insert(position, 1, '-');
  return text;
}

std::string NewToken(Random& random, size_t length) {
  static constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford's
  std::string token = random.Bytes(length);
  for (char& c : token) c = kAlphabet[static_cast<unsigned char>(c) & 31];
  return token;
}

std::string HexEncode(std::string_view bytes) {
  return absl::BytesToHexString(ToAbsl(bytes));
}

absl::StatusOr<std::string> HexDecode(std::string_view text) {
  const bool valid = text.size() % 2 == 0 &&
                     std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isxdigit(c); });
  if (!valid) {
    return absl::InvalidArgumentError("not hexadecimal: give an even number of digits 0-9 and a-f");
  }
  return absl::HexStringToBytes(ToAbsl(text));
}

std::string Base64UrlEncode(std::string_view bytes) {
  return absl::WebSafeBase64Escape(ToAbsl(bytes));
}

absl::StatusOr<std::string> Base64UrlDecode(std::string_view text) {
  std::string bytes;
  // Encoding again rules out padding, white space and loose last bits.
  if (!absl::WebSafeBase64Unescape(ToAbsl(text), &bytes) || Base64UrlEncode(bytes) != text) {
    return absl::InvalidArgumentError("not base64url without padding (RFC 4648, section 5)");
  }
  return bytes;
}

}  // namespace perigee
