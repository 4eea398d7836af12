#include "control-plane/http/routes.h"

#include <utility>

#include "control-plane/http/json_body.h"
#include "control-plane/http/metrics.h"
#include "control-plane/http/problem.h"
#include "control-plane/identity/certificate_authority.h"
#include "control-plane/identity/enrolment.h"
#include "control-plane/identity/login.h"
#include "control-plane/identity/satellite_identity.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

constexpr char kJson[] = "application/json";
constexpr char kText[] = "text/plain; charset=utf-8";

template <typename Message>
HttpReply ReplyOr(const absl::StatusOr<Message>& answer) {
  if (!answer.ok()) return ReplyWith(answer.status());
  return {.status = 200, .content_type = kJson, .body = WriteJson(*answer)};
}

// A door that takes one message and gives another.
template <typename Message, typename Serve>
Route Door(std::string path, Serve serve) {
  return {.method = "POST", .path = std::move(path), .serve = [serve](const HttpRequest& request) {
            Message message;
            if (const absl::Status read = ReadJson(request.body, message); !read.ok()) return ReplyWith(read);
            return ReplyOr(serve(message, request.address));
          }};
}

Route Page(std::string path, const char* content_type, std::function<absl::StatusOr<std::string>()> text) {
  return {.method = "GET", .path = std::move(path), .serve = [content_type, text](const HttpRequest&) {
            const absl::StatusOr<std::string> page = text();
            if (!page.ok()) return ReplyWith(page.status());
            return HttpReply{.status = 200, .content_type = content_type, .body = *page};
          }};
}

}  // namespace

HttpReply ReplyWith(const absl::Status& error) {
  Problem problem = ProblemFor(error);
  if (problem.status == 500) Log(Level::kError, "a request failed", {{"error", error}});
  return {
      .status = problem.status, .content_type = "application/problem+json", .body = std::move(problem.body)};
}

std::vector<Route> RoutesOf(const HttpsFrontDeps& deps) {
  std::vector<Route> routes;
  routes.push_back(Page("/healthz", kText, [] { return std::string("ok\n"); }));
  routes.push_back(Page("/readyz", kText, [deps]() -> absl::StatusOr<std::string> {
    const absl::Status ready = deps.ready();
    if (ready.ok()) return std::string("ok\n");
    return absl::UnavailableError(ready.message());
  }));
  routes.push_back(
      Page("/metrics", "text/plain; version=0.0.4; charset=utf-8", [deps] { return deps.metrics.Text(); }));
  routes.push_back(Page("/ca.pem", "application/x-pem-file", [deps] { return deps.authority.root_pem(); }));
  routes.push_back(
      Page("/recover/v1/nonce", kJson, [deps] { return WriteJson(deps.satellites.NewRecoveryNonce()); }));
  routes.push_back(Door<v1::EnrollRequest>(
      "/enroll/v1/requests",
      [deps](const auto& message, const auto& address) { return deps.enrolment.Enrol(message, address); }));
  routes.push_back(Door<v1::EnrollPollRequest>(
      "/enroll/v1/poll",
      [deps](const auto& message, const auto& address) { return deps.enrolment.Poll(message, address); }));
  routes.push_back(Door<v1::LoginRequest>("/login/v1", [deps](const auto& message, const auto& address) {
    return deps.login.Authenticate(message, address);
  }));
  routes.push_back(Door<v1::RecoverRequest>(
      "/recover/v1", [deps](const auto& message, const auto&) { return deps.satellites.Recover(message); }));
  return routes;
}

}  // namespace perigee::control
