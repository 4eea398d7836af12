// Who may call what: one table, policies/authorization.json, compiled in. What
// has no row is denied, and a server with such a method does not start.
//
//   PERIGEE_RETURN_IF_ERROR(table.CheckCoverage(registered_methods));   // at start
//   PERIGEE_RETURN_IF_ERROR(table.Authorize(caller, "/perigee.v1.CloudService/Apply"));
//
// Constant after construction; thread-safe.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "control-plane/access/caller.h"

namespace perigee::control {

// The door of intent for programs inside the control plane (Intent::Commit).
inline constexpr std::string_view kIntentCommit = "intent.commit";

class AuthorizationTable {
 public:
  // The compiled-in table. Aborts if that is broken, which a test excludes.
  static const AuthorizationTable& BuiltIn();
  // {"rows": [{"rpc"|"route"|"internal": "...", "roles": ["..."]}]}; strict.
  [[nodiscard]] static absl::StatusOr<AuthorizationTable> Parse(std::string_view json);

  // `action` is an RPC ("/perigee.v1.CloudService/Get"), a route ("POST /login/v1") or an internal action.
  // PERMISSION_DENIED says who lacks what.
  [[nodiscard]] absl::Status Authorize(const Caller& caller, std::string_view action) const;

  // FAILED_PRECONDITION names every one of `actions` without a row.
  [[nodiscard]] absl::Status CheckCoverage(const std::vector<std::string>& actions) const;
  std::vector<std::string> Actions() const;  // sorted

 private:
  AuthorizationTable() = default;
  absl::flat_hash_map<std::string, std::set<std::string, std::less<>>> roles_by_action_;
};

// By the compiled-in table.
[[nodiscard]] absl::Status Authorize(const Caller& caller, std::string_view rpc_or_route);

}  // namespace perigee::control
