#include "control-plane/access/caller.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "shared/base/string_views.h"

namespace perigee::control {
namespace {

constexpr std::string_view kSatelliteName = "spiffe://perigee/satellite/";
constexpr std::string_view kUserName = "spiffe://perigee/user/";
constexpr std::string_view kSatelliteSubject = "satellite:";

// What our CA puts into a certificate: labels and uids, so nothing that a log or a key could misread.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
  });
}

// What follows `prefix`; empty when the text does not begin with it.
std::string_view After(std::string_view prefix, std::string_view text) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : std::string_view();
}

}  // namespace

bool Caller::HasRole(std::string_view role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

std::string_view Caller::satellite_uid() const {
  const std::string_view text = subject;
  return text.starts_with(kSatelliteSubject) ? text.substr(kSatelliteSubject.size()) : std::string_view();
}

absl::StatusOr<Caller> CallerFromCertificate(std::string_view spiffe_uri, std::vector<std::string> user_roles,
                                             std::string_view source) {
  if (const std::string_view uid = After(kSatelliteName, spiffe_uri); IsPlainName(uid)) {
    return Caller{absl::StrCat(ToAbsl(kSatelliteSubject), ToAbsl(uid)),
                  {std::string(role::kSatellite)},
                  std::string(source)};
  }
  if (const std::string_view name = After(kUserName, spiffe_uri); IsPlainName(name)) {
    // The role of our own programs is not to be had from outside, whatever is stored for a user.
    std::erase(user_roles, role::kSystem);
    return Caller{absl::StrCat("user:", ToAbsl(name)), std::move(user_roles), std::string(source)};
  }
  return absl::UnauthenticatedError(
      "the client certificate names neither a satellite nor a user of Perigee; log in again with `cloudctl "
      "login`, "
      "or enrol the satellite");
}

Caller AnonymousCaller(std::string_view source) {
  return {"anonymous", {std::string(role::kAnonymous)}, std::string(source)};
}

Caller SystemCaller(std::string_view name) {
  return {absl::StrCat("system:", ToAbsl(name)), {std::string(role::kSystem)}, "controller"};
}

}  // namespace perigee::control
