#include "control-plane/access/authorization.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "shared/base/status.h"
#include "shared/base/string_views.h"

extern const char kPerigeeAuthorizationJson[];

namespace perigee::control {
namespace {

using nlohmann::json;

constexpr std::array kActionFields = {"rpc", "route", "internal"};
constexpr std::array kRoles = {role::kAdmin, role::kSatellite, role::kAnonymous, role::kSystem};

struct Row {
  std::string action;
  std::set<std::string, std::less<>> roles;
};

absl::StatusOr<std::set<std::string, std::less<>>> ParseRoles(const json& roles, const std::string& action) {
  std::set<std::string, std::less<>> result;
  if (!roles.is_array() || roles.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("row of ", action, ": \"roles\" must be a list with a role"));
  }
  for (const json& role : roles) {
    const std::string* name = role.get_ptr<const std::string*>();
    if (name == nullptr || std::find(kRoles.begin(), kRoles.end(), *name) == kRoles.end()) {
      return absl::InvalidArgumentError(absl::StrCat("row of ", action, ": unknown role ", role.dump()));
    }
    result.insert(*name);
  }
  return result;
}

absl::StatusOr<Row> ParseRow(const json& row) {
  if (!row.is_object() || row.size() != 2 || !row.contains("roles")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a row has \"roles\" and one of \"rpc\", \"route\", \"internal\", this one not: ", row.dump()));
  }
  Row result;
  for (const char* field : kActionFields) {
    if (!row.contains(field)) continue;
    const std::string* action = row[field].get_ptr<const std::string*>();
    if (action != nullptr) result.action = *action;
  }
  if (result.action.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a row names no rpc, route or internal action: ", row.dump()));
  }
  PERIGEE_ASSIGN_OR_RETURN(result.roles, ParseRoles(row["roles"], result.action));
  return result;
}

}  // namespace

absl::StatusOr<AuthorizationTable> AuthorizationTable::Parse(std::string_view text) {
  const json document = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || document.size() != 1 || !document.contains("rows") ||
      !document["rows"].is_array()) {
    return absl::InvalidArgumentError("the authorization table is not JSON with one list \"rows\"");
  }
  AuthorizationTable table;
  for (const json& element : document["rows"]) {
    PERIGEE_ASSIGN_OR_RETURN(Row row, ParseRow(element));
    if (!table.roles_by_action_.emplace(row.action, std::move(row.roles)).second) {
      return absl::InvalidArgumentError(absl::StrCat(row.action, " has two rows"));
    }
  }
  return table;
}

const AuthorizationTable& AuthorizationTable::BuiltIn() {
  static const AuthorizationTable* const table = [] {
    auto parsed = Parse(kPerigeeAuthorizationJson);
    PERIGEE_ASSERT(parsed.ok());
    return new AuthorizationTable(*std::move(parsed));
  }();
  return *table;
}

absl::Status AuthorizationTable::Authorize(const Caller& caller, std::string_view action) const {
  const auto row = roles_by_action_.find(ToAbsl(action));
  if (row == roles_by_action_.end()) {
    return absl::PermissionDeniedError(absl::StrCat(ToAbsl(action),
                                                    " is not allowed to anybody: it has no row in "
                                                    "policies/authorization.json"));
  }
  const bool allowed = !caller.subject.empty() &&
                       std::any_of(caller.roles.begin(), caller.roles.end(),
                                   [&](const std::string& role) { return row->second.contains(role); });
  if (allowed) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      caller.subject.empty() ? "a caller without a name" : caller.subject, " may not call ", ToAbsl(action),
      ": that takes the role ", absl::StrJoin(row->second, " or "), "; ask an administrator"));
}

absl::Status AuthorizationTable::CheckCoverage(const std::vector<std::string>& actions) const {
  std::vector<std::string> missing;
  for (const std::string& action : actions) {
    if (!roles_by_action_.contains(action)) missing.push_back(action);
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("without a row in policies/authorization.json: ", absl::StrJoin(missing, ", "),
                   "; add a row for each, nothing is served without"));
}

std::vector<std::string> AuthorizationTable::Actions() const {
  std::vector<std::string> actions;
  for (const auto& [action, roles] : roles_by_action_) actions.push_back(action);
  std::sort(actions.begin(), actions.end());
  return actions;
}

absl::Status Authorize(const Caller& caller, std::string_view rpc_or_route) {
  return AuthorizationTable::BuiltIn().Authorize(caller, rpc_or_route);
}

}  // namespace perigee::control
