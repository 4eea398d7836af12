#include "control-plane/access/caller.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "shared/base/string_views.h"
#include "shared/pki/spiffe.h"

namespace perigee::control {
namespace {

constexpr std::string_view kSatelliteSubject = "satellite:";

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
  const absl::StatusOr<SpiffeId> id = ParseSpiffeId(spiffe_uri);
  if (!id.ok()) {
    return absl::UnauthenticatedError(
        "the client certificate names neither a satellite nor a user of Perigee; log in again with `cloudctl "
        "login`, "
        "or enrol the satellite");
  }
  if (id->kind == SpiffeId::Kind::kSatellite) {
    return Caller{absl::StrCat(ToAbsl(kSatelliteSubject), id->name),
                  {std::string(role::kSatellite)},
                  std::string(source)};
  }
  // The role of our own programs is not to be had from outside, whatever is stored for a user.
  std::erase(user_roles, role::kSystem);
  return Caller{absl::StrCat("user:", id->name), std::move(user_roles), std::string(source)};
}

Caller AnonymousCaller(std::string_view source) {
  return {"anonymous", {std::string(role::kAnonymous)}, std::string(source)};
}

Caller SystemCaller(std::string_view name) {
  return {absl::StrCat("system:", ToAbsl(name)), {std::string(role::kSystem)}, "controller"};
}

}  // namespace perigee::control
