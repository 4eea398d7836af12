#include "control-plane/http/problem.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "control-plane/http/address.h"
#include "control-plane/http/json_body.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "shared/base/string_views.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace perigee::control {
namespace {

TEST(ProblemTest, SplitsWhatAndNext) {
  const Problem problem = ProblemFor(absl::FailedPreconditionError("token t expired; ask for a new one"));
  EXPECT_EQ(problem.status, 409);
  const auto json = nlohmann::json::parse(problem.body);
  EXPECT_EQ(json["status"], 409);
  EXPECT_EQ(json["code"], "FAILED_PRECONDITION");
  EXPECT_EQ(json["detail"], "token t expired");
  EXPECT_EQ(json["next"], "ask for a new one");
}

TEST(ProblemTest, EveryCodeHasAStatusAndAdvice) {
  for (int code = 1; code <= 16; ++code) {
    const Problem problem = ProblemFor(absl::Status(static_cast<absl::StatusCode>(code), "what"));
    EXPECT_GE(problem.status, 400) << code;
    EXPECT_FALSE(nlohmann::json::parse(problem.body)["next"].get<std::string>().empty()) << code;
  }
}

TEST(ProblemTest, InsidesStayInside) {
  const Problem problem = ProblemFor(absl::InternalError("/var/lib/secret/path"));
  EXPECT_EQ(problem.status, 500);
  EXPECT_EQ(problem.body.find("secret"), std::string::npos);
}

TEST(ProblemTest, BytesThatAreNotUtf8DoNotThrow) {
  EXPECT_FALSE(ProblemFor(absl::InvalidArgumentError("\xFF\xFE")).body.empty());
}

TEST(ReadJsonTest, Table) {
  struct Case {
    const char* name;
    std::string body;
    bool ok;
  };
  const Case cases[] = {
      {"right", R"({"user":"admin","password":"p"})", true},
      {"empty object", "{}", true},
      {"unknown field", R"({"user":"admin","secretfield":"hunter2"})", false},
      {"wrong type", R"({"user":{"a":"hunter2"}})", false},
      {"not json", "hunter2", false},
      {"empty", "", false},
      {"deep", std::string(100'000, '['), false},
      {"deep objects",
       [] {
         std::string text;
         for (int i = 0; i < 10'000; ++i) text += R"({"user":)";
         return text;
       }(),
       false},
      {"brackets in a string", R"({"user":"[[[[[[[[[[[[[[[[[[[[[[[[["})", true},
      {"trailing text", R"({"user":"a"} hunter2)", false},
      {"bad utf-8", "{\"user\":\"\xFF\"}", false},
  };
  for (const Case& c : cases) {
    v1::LoginRequest request;
    const absl::Status status = ReadJson(c.body, request);
    EXPECT_EQ(status.ok(), c.ok) << c.name << ": " << status;
    EXPECT_EQ(ToStd(status.message()).find("hunter2"), std::string_view::npos) << c.name;
  }
  v1::LoginRequest request;
  EXPECT_NE(ToStd(ReadJson(R"({"usr":"a"})", request).message()).find("\"usr\""), std::string_view::npos);
}

TEST(ReadJsonTest, MessagesGoRound) {
  v1::EnrollResponse response;
  response.set_satellite_uid("u");
  response.set_certificate_chain(std::string("\0\1\xFF", 3));
  const std::string text = WriteJson(response);
  EXPECT_NE(text.find("\"satelliteUid\""), std::string::npos);
  v1::EnrollResponse again;
  ASSERT_TRUE(ReadJson(text, again).ok());
  EXPECT_EQ(again.certificate_chain(), response.certificate_chain());
}

std::string KeyOf6(const char* text) {
  sockaddr_storage peer{};
  auto& address = reinterpret_cast<sockaddr_in6&>(peer);
  address.sin6_family = AF_INET6;
  EXPECT_EQ(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  return LimitKey(peer);
}

TEST(LimitKeyTest, Table) {
  EXPECT_EQ(KeyOf6("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(KeyOf6("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
  EXPECT_EQ(KeyOf6("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(KeyOf6("::1"), "::1");
  sockaddr_storage peer{};
  auto& address = reinterpret_cast<sockaddr_in&>(peer);
  address.sin_family = AF_INET;
  ASSERT_EQ(inet_pton(AF_INET, "192.0.2.7", &address.sin_addr), 1);
  EXPECT_EQ(LimitKey(peer), "192.0.2.7");
  peer.ss_family = AF_UNIX;
  EXPECT_EQ(LimitKey(peer), "");
}

}  // namespace
}  // namespace perigee::control
