#include "shared/pki/spiffe.h"

#include <algorithm>

#include "shared/base/status.h"

namespace perigee {
namespace {

constexpr std::string_view kSatellitePrefix = "spiffe://perigee/satellite/";
constexpr std::string_view kUserPrefix = "spiffe://perigee/user/";
constexpr size_t kUidLength = 36;
constexpr size_t kLongestUserName = 63;

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool IsUid(std::string_view text) {
  if (text.size() != kUidLength) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hexadecimal = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (hyphen ? text[i] != '-' : !hexadecimal) return false;
  }
  return true;
}

bool IsUserName(std::string_view text) {
  return !text.empty() && text.size() <= kLongestUserName && IsLetterOrDigit(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '.' || c == '_' || c == '-'; });
}

std::string SatelliteUri(std::string_view uid) {
  return std::string(kSatellitePrefix).append(uid);
}

std::string UserUri(std::string_view name) {
  return std::string(kUserPrefix).append(name);
}

std::string SpiffeId::Uri() const {
  return kind == Kind::kSatellite ? SatelliteUri(name) : UserUri(name);
}

absl::StatusOr<SpiffeId> ParseSpiffeId(std::string_view uri) {
  if (uri.starts_with(kSatellitePrefix) && IsUid(uri.substr(kSatellitePrefix.size()))) {
    return SpiffeId{SpiffeId::Kind::kSatellite, std::string(uri.substr(kSatellitePrefix.size()))};
  }
  if (uri.starts_with(kUserPrefix) && IsUserName(uri.substr(kUserPrefix.size()))) {
    return SpiffeId{SpiffeId::Kind::kUser, std::string(uri.substr(kUserPrefix.size()))};
  }
  return absl::InvalidArgumentError(
      "the certificate's name is neither spiffe://perigee/satellite/<uid> nor spiffe://perigee/user/<name>");
}

}  // namespace perigee
