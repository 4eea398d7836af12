// Randomness, identifiers and their text forms.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace perigee {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::string Bytes(size_t count) = 0;
  // Uniform in [0, 1).
  double Fraction();
};

// The kernel's generator (getrandom). Lives for ever. Aborts if the kernel has none.
Random& SystemRandom();

// Repeatable, for tests and the simulation. Not for keys.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed);
  std::string Bytes(size_t count) override;

 private:
  absl::Mutex mutex_;
  std::mt19937_64 engine_ ABSL_GUARDED_BY(mutex_);
};

// A UUID (RFC 9562, version 7: ordered by time), 36 characters, lower case.
std::string NewUid(Random& random);
// The same at a given time, for code that must be repeatable.
std::string NewUid(Random& random, absl::Time now);

// Lower-case letters and digits without look-alikes, `length` of them; 5 bits each.
std::string NewToken(Random& random, size_t length);

std::string HexEncode(std::string_view bytes);
absl::StatusOr<std::string> HexDecode(std::string_view text);
// RFC 4648 section 5, without padding.
std::string Base64UrlEncode(std::string_view bytes);
absl::StatusOr<std::string> Base64UrlDecode(std::string_view text);

}  // namespace perigee
