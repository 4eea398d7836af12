// Who is asking, as the transport has authenticated them. What a message says
// about its sender never becomes part of this.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace perigee::control {

namespace role {
inline constexpr std::string_view kAdmin = "admin";
inline constexpr std::string_view kSatellite = "satellite";
inline constexpr std::string_view kAnonymous = "anonymous";
// Programs of the control plane itself. Never given to anybody from outside.
inline constexpr std::string_view kSystem = "system";
}  // namespace role

struct Caller {
  std::string subject;             // "user:anna", "satellite:<uid>", "system:placement", "anonymous"
  std::vector<std::string> roles;  // of the table in policies/
  std::string source;              // "grpc", "https", "controller"; for the audit record

  bool HasRole(std::string_view role) const;
  // The uid when this is a satellite, else empty.
  std::string_view satellite_uid() const;
};

// From the name in a verified client certificate: spiffe://perigee/satellite/<uid> gets the role of a
// satellite; spiffe://perigee/user/<name> gets `user_roles`, which the centre knows, not the certificate.
// UNAUTHENTICATED for anything else.
[[nodiscard]] absl::StatusOr<Caller> CallerFromCertificate(std::string_view spiffe_uri,
                                                           std::vector<std::string> user_roles,
                                                           std::string_view source);
// Without a certificate: the HTTPS doors.
Caller AnonymousCaller(std::string_view source);
// A program of the control plane, such as "placement".
Caller SystemCaller(std::string_view name);

}  // namespace perigee::control
