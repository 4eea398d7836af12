// The names in certificates: spiffe://perigee/satellite/<uid> and
// spiffe://perigee/user/<name> (https://github.com/spiffe/spiffe, SPIFFE-ID.md). Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace perigee {

struct SpiffeId {
  enum class Kind { kSatellite, kUser };
  Kind kind = Kind::kSatellite;
  std::string name;  // a uid or a user's name

  std::string Uri() const;
  bool operator==(const SpiffeId&) const = default;
};

// INVALID_ARGUMENT for anything that Uri() does not write: another trust domain, kind, case,
// a query, an escape, a further path segment.
absl::StatusOr<SpiffeId> ParseSpiffeId(std::string_view uri);

std::string SatelliteUri(std::string_view uid);
std::string UserUri(std::string_view name);
// 36 characters, lower-case hexadecimal and hyphens in a UUID's places.
bool IsUid(std::string_view text);
// 1 to 63 of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit.
bool IsUserName(std::string_view text);

}  // namespace perigee
