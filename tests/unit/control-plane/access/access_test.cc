#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control-plane/access/authorization.h"
#include "control-plane/access/caller.h"
#include "control-plane/access/deny_list.h"
#include "google/protobuf/descriptor.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kUid[] = "0190a5b2-0000-7000-8000-000000000001";

// Every method there is: generated from the schema, so that a new RPC without a row fails here.
std::vector<std::string> AllRpcs() {
  std::vector<std::string> rpcs;
  for (const auto* file : {v1::ApplyRequest::descriptor()->file(), v1::Hello::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        rpcs.push_back(
            absl::StrCat("/", file->service(s)->full_name(), "/", file->service(s)->method(m)->name()));
      }
    }
  }
  return rpcs;
}

const std::vector<std::string> kRoutes = {"GET /healthz",
                                          "GET /readyz",
                                          "GET /metrics",
                                          "GET /ca.pem",
                                          "POST /enroll/v1/requests",
                                          "POST /enroll/v1/poll",
                                          "POST /login/v1",
                                          "GET /recover/v1/nonce",
                                          "POST /recover/v1"};

TEST(Authorization, EveryRpcAndRouteHasARow) {
  const AuthorizationTable& table = AuthorizationTable::BuiltIn();
  EXPECT_GE(AllRpcs().size(), 13u);
  EXPECT_TRUE(table.CheckCoverage(AllRpcs()).ok()) << table.CheckCoverage(AllRpcs());
  EXPECT_TRUE(table.CheckCoverage(kRoutes).ok());
  EXPECT_EQ(table.Actions().size(), AllRpcs().size() + kRoutes.size() + 1);
  const absl::Status missing =
      table.CheckCoverage({"/perigee.v1.CloudService/Get", "POST /shell", "DELETE /"});
  EXPECT_TRUE(absl::IsFailedPrecondition(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr("POST /shell, DELETE /"));
}

// All actions by all roles against the few sentences that say what is meant.
TEST(Authorization, MatrixOfRoles) {
  const std::string satellite_service = "/perigee.v1.SatelliteService/";
  const std::string whoami = "/perigee.v1.CloudService/Whoami";
  for (const std::string& action : AuthorizationTable::BuiltIn().Actions()) {
    const bool rpc = action.starts_with("/");
    const bool internal = action == kIntentCommit;
    const std::map<std::string_view, bool> allowed = {
        {role::kAdmin, (rpc && !action.starts_with(satellite_service)) || internal},
        {role::kSatellite, action.starts_with(satellite_service) || action == whoami},
        {role::kAnonymous, !rpc && !internal},
        {role::kSystem, internal}};
    for (const auto& [role, expected] : allowed) {
      const absl::Status status = Authorize({"somebody", {std::string(role)}, "test"}, action);
      EXPECT_EQ(status.ok(), expected) << role << " " << action;
      EXPECT_TRUE(expected || absl::IsPermissionDenied(status));
    }
  }
}

TEST(Authorization, DeniesByDefault) {
  const Caller admin{"user:anna", {"admin"}, "grpc"};
  EXPECT_TRUE(Authorize(admin, "/perigee.v1.CloudService/Get").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Authorize(admin, "/perigee.v1.CloudService/get")));
  EXPECT_TRUE(absl::IsPermissionDenied(Authorize(admin, "")));
  EXPECT_TRUE(absl::IsPermissionDenied(Authorize({"user:anna", {}, "grpc"}, "/perigee.v1.CloudService/Get")));
  EXPECT_TRUE(absl::IsPermissionDenied(Authorize({"", {"admin"}, "grpc"}, "/perigee.v1.CloudService/Get")));
  EXPECT_TRUE(
      absl::IsPermissionDenied(Authorize({"user:anna", {"Admin"}, "grpc"}, "/perigee.v1.CloudService/Get")));
}

TEST(Authorization, TableIsStrict) {
  const std::pair<const char*, const char*> cases[] = {
      {"not JSON", "rows"},
      {"no rows", "{}"},
      {"rows not a list", R"({"rows": {}})"},
      {"more than rows", R"({"rows": [], "default": "allow"})"},
      {"row without roles", R"({"rows": [{"rpc": "/a"}]})"},
      {"row without action", R"({"rows": [{"roles": ["admin"], "path": "/a"}]})"},
      {"row with two actions", R"({"rows": [{"rpc": "/a", "route": "GET /", "roles": ["admin"]}]})"},
      {"unknown role", R"({"rows": [{"rpc": "/a", "roles": ["root"]}]})"},
      {"no role", R"({"rows": [{"rpc": "/a", "roles": []}]})"},
      {"role not text", R"({"rows": [{"rpc": "/a", "roles": [1]}]})"},
      {"two rows", R"({"rows": [{"rpc": "/a", "roles": ["admin"]}, {"rpc": "/a", "roles": ["system"]}]})"}};
  for (const auto& [name, json] : cases) {
    EXPECT_TRUE(absl::IsInvalidArgument(AuthorizationTable::Parse(json).status())) << name;
  }
  EXPECT_THAT(AuthorizationTable::Parse(R"({"rows": [{"rpc": "/a", "roles": ["admin"]}]})")->Actions(),
              ElementsAre("/a"));
}

TEST(Caller, ComesFromTheCertificateOnly) {
  const auto satellite =
      CallerFromCertificate(absl::StrCat("spiffe://perigee/satellite/", kUid), {"admin"}, "grpc");
  ASSERT_TRUE(satellite.ok());
  EXPECT_THAT(satellite->roles,
              ElementsAre("satellite"));  // a satellite has no other role, whatever is asked for
  EXPECT_EQ(satellite->satellite_uid(), kUid);
  const auto user = CallerFromCertificate("spiffe://perigee/user/anna", {"admin", "system"}, "grpc");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(user->subject, "user:anna");
  EXPECT_EQ(user->satellite_uid(), "");
  EXPECT_THAT(user->roles, ElementsAre("admin"));  // the role of our programs is not to be had
}

TEST(Caller, OtherNamesAreNobody) {
  for (const char* uri :
       {"", "spiffe://perigee/", "spiffe://perigee/satellite/", "spiffe://perigee/user/",
        "spiffe://perigee/user/a/b", "spiffe://perigee/user/../x", "spiffe://other/user/anna",
        "spiffe://perigee/system/placement", "SPIFFE://perigee/user/anna", "spiffe://perigee/user/a b",
        "spiffe://perigee/user/a\n", "https://perigee/user/anna"}) {
    EXPECT_TRUE(absl::IsUnauthenticated(CallerFromCertificate(uri, {"admin"}, "grpc").status())) << uri;
  }
}

TEST(DenyList, DeniesSatellitesUntilItIsLoaded) {
  DenyList list;
  const Caller satellite =
      *CallerFromCertificate(absl::StrCat("spiffe://perigee/satellite/", kUid), {}, "grpc");
  EXPECT_TRUE(absl::IsUnauthenticated(list.Check(satellite)));
  list.Replace({});
  EXPECT_TRUE(list.Check(satellite).ok());
  EXPECT_TRUE(list.Check({"user:anna", {"admin"}, "grpc"}).ok());
}

TEST(DenyList, TellsEachRevocationOnce) {
  DenyList list;
  std::vector<std::string> told;
  list.OnRevoked([&](const std::string& uid) { told.push_back(uid); });
  list.Replace({"a"});
  list.Add("b");
  list.Add("b");
  list.Replace({"a", "b", "c"});
  EXPECT_THAT(told, ElementsAre("a", "b", "c"));
  EXPECT_TRUE(list.Contains("b"));
  EXPECT_FALSE(list.Contains("d"));
}

}  // namespace
}  // namespace perigee::control
