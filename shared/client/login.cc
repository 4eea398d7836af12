#include "shared/client/login.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"
#include "proto/perigee/v1/satellite.pb.h"
#include "shared/base/status.h"
#include "shared/base/utf8.h"
#include "shared/pki/certificate.h"
#include "shared/pki/identity_file.h"
#include "shared/pki/key.h"
#include "shared/pki/request.h"
#include "shared/rpc/https_client.h"

namespace perigee {
namespace {

constexpr int kHttpOk = 200;

// The message of a problem document, when the body is one.
std::string Detail(const std::string& body) {
  const auto json =
      body.size() > (16 << 10) || !nlohmann::json::accept(body) || body.find("[[[[") != body.npos
          ? nlohmann::json()
          : nlohmann::json::parse(body, nullptr, false);
  for (const char* field : {"detail", "message", "title"}) {
    if (json.is_object() && json.contains(field) && json[field].is_string())
      return json[field].get<std::string>();
  }
  return "";
}

absl::Status Refused(const HttpsResponse& response, const std::string& user) {
  const std::string detail = Detail(response.body);
  if (response.status == 401 || response.status == 403) {
    return absl::UnauthenticatedError(absl::StrCat(
        "the control plane did not accept user ", user, " with that password", detail.empty() ? "" : ": ",
        detail, "; the admin's is in admin-password in its data directory"));
  }
  if (response.status == 429) {
    return absl::ResourceExhaustedError(absl::StrCat("too many failed logins from this address",
                                                     detail.empty() ? "" : ": ", detail,
                                                     "; wait a minute, then try again"));
  }
  return absl::UnavailableError(absl::StrCat("the control plane answered HTTP ", response.status,
                                             detail.empty() ? "" : ": ", detail, "; see its log"));
}

absl::StatusOr<std::string> RequestBody(const LoginArguments& arguments, const PrivateKey& key) {
  v1::LoginRequest request;
  request.set_user(arguments.user);
  request.set_password(arguments.password);
  PERIGEE_ASSIGN_OR_RETURN(*request.mutable_certificate_request(), MakeRequest(key));
  std::string body;
  if (!google::protobuf::util::MessageToJsonString(request, &body).ok()) {
    return absl::InternalError("the login cannot be written as JSON");
  }
  return body;
}

absl::StatusOr<v1::LoginResponse> ReadResponse(const std::string& body) {
  v1::LoginResponse response;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (!google::protobuf::util::JsonStringToMessage(body, &response, options).ok()) {
    return absl::InternalError(
        "the control plane's answer to the login cannot be read; is it of another version?");
  }
  return response;
}

}  // namespace

absl::StatusOr<LoginResult> Login(const LoginArguments& arguments) {
  if (ValidUtf8Prefix(arguments.password) != arguments.password.size()) {
    return absl::InvalidArgumentError("the password is not UTF-8");
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::string ca_hash, ParseCaHash(arguments.ca_hash));
  PERIGEE_ASSIGN_OR_RETURN(const std::string root, FetchRootByHash(arguments.server, ca_hash));
  PERIGEE_ASSIGN_OR_RETURN(HttpsClient https,
                           HttpsClient::New({.base_url = arguments.server, .roots_pem = root}));
  PERIGEE_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::GenerateEcP256());
  PERIGEE_ASSIGN_OR_RETURN(const std::string body, RequestBody(arguments, key));
  PERIGEE_ASSIGN_OR_RETURN(const HttpsResponse answer, https.Post("/login/v1", body));
  if (answer.status != kHttpOk) return Refused(answer, arguments.user);
  PERIGEE_ASSIGN_OR_RETURN(const v1::LoginResponse response, ReadResponse(answer.body));

  LoginResult result;
  result.credentials.key_pem = key.ToPem();
  result.credentials.chain_pem = response.certificate_chain();
  // Roots that overlap are told by the server, whom the pinned one vouches for.
  result.credentials.roots_pem = response.root_certificates().empty() ? root : response.root_certificates();
  auto identity =
      IdentityFromPem(absl::StrCat(result.credentials.key_pem, "\n", result.credentials.chain_pem));
  if (!identity.ok()) return Annotate(identity.status(), "the certificate that the control plane gave");
  result.not_after = identity->chain.front().NotAfter();
  result.context.server = arguments.server;
  result.context.grpc = std::string(absl::StripPrefix(response.grpc_endpoint(), "https://"));
  result.context.ca_hash = ca_hash;
  result.context.user = arguments.user;
  return result;
}

}  // namespace perigee
