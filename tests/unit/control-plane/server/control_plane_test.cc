// The whole control plane in one process, spoken to over its two ports as cloudctl does.
#include "control-plane/server/control_plane.h"

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "proto/perigee/v1/cloud_service.grpc.pb.h"
#include "proto/perigee/v1/satellite.grpc.pb.h"
#include "shared/base/limits.h"
#include "shared/pki/key.h"
#include "shared/pki/request.h"
#include "shared/rpc/connection.h"
#include "shared/rpc/credentials.h"
#include "shared/rpc/https_client.h"
#include "shared/rpc/process_setup.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::control {
namespace {

class ControlPlaneTest : public ::testing::Test {
 protected:
  ControlPlaneTest() {
    PrepareGrpc();
    options_.data_dir = directory_.path() + "/d";
    options_.listen = "127.0.0.1";
    options_.https_port = 0;
    options_.grpc_port = 0;
  }
  void Start() {
    auto dir = DataDir::Open(options_.data_dir);
    ASSERT_TRUE(dir.ok()) << dir.status();
    dir_.emplace(*std::move(dir));
    auto control_plane = ControlPlane::Start(options_, *dir_);
    ASSERT_TRUE(control_plane.ok()) << control_plane.status();
    control_plane_ = *std::move(control_plane);
  }
  void Stop() {
    control_plane_.reset();
    dir_.reset();
  }
  HttpsClient Https() {
    const Endpoints& endpoints = control_plane_->endpoints();
    return *HttpsClient::New(
        {.base_url = endpoints.https, .roots_pem = *FetchRootByHash(endpoints.https, endpoints.ca_hash)});
  }
  // Over HTTPS with the password of the first start; the identity as PEM.
  absl::StatusOr<std::string> Login(const std::string& password) {
    const PrivateKey key = *PrivateKey::GenerateEcP256();
    v1::LoginRequest request;
    request.set_user("admin");
    request.set_password(password);
    request.set_certificate_request(*MakeRequest(key));
    std::string json;
    if (!google::protobuf::util::MessageToJsonString(request, &json).ok()) return absl::InternalError("json");
    HttpsClient client = Https();
    absl::StatusOr<HttpsResponse> response = client.Post("/login/v1", json);
    if (!response.ok()) return response.status();
    if (response->status != 200) return absl::UnauthenticatedError(response->body);
    v1::LoginResponse answer;
    if (!google::protobuf::util::JsonStringToMessage(response->body, &answer).ok())
      return absl::InternalError("json");
    return key.ToPem() + answer.certificate_chain();
  }
  std::string Password() {
    return std::string(absl::StripAsciiWhitespace(
        *ReadFile(options_.data_dir + "/admin-password", limits::kTokenFileBytes)));
  }
  std::shared_ptr<grpc::Channel> Channel(const std::string& identity) {
    const auto credentials =
        MutualTlsClientFromPem(identity, *ReadFile(options_.data_dir + "/ca.pem", limits::kManifestBytes));
    EXPECT_TRUE(credentials.ok()) << credentials.status();
    return ConnectChannel(control_plane_->endpoints().grpc, *credentials);
  }
  template <typename Request, typename Response>
  grpc::Status Call(v1::CloudService::Stub& stub,
                    grpc::Status (v1::CloudService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                   Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    return (stub.*method)(&context, request, response);
  }

  const TemporaryDirectory directory_;
  ServeOptions options_;
  std::optional<DataDir> dir_;
  std::unique_ptr<ControlPlane> control_plane_;
};

TEST_F(ControlPlaneTest, FromTheFirstStartToAnAppliedSiteAndAcrossARestart) {
  Start();
  EXPECT_TRUE(FileExists(options_.data_dir + "/endpoints.json"));
  HttpsClient https = Https();
  EXPECT_EQ(https.Get("/readyz")->status, 200);
  EXPECT_FALSE(Login("wrong").ok());
  const auto identity = Login(Password());
  ASSERT_TRUE(identity.ok()) << identity.status();

  const auto stub = v1::CloudService::NewStub(Channel(*identity));
  v1::WhoamiResponse whoami;
  const grpc::Status said = Call(*stub, &v1::CloudService::Stub::Whoami, v1::WhoamiRequest(), &whoami);
  ASSERT_TRUE(said.ok()) << said.error_message();
  EXPECT_EQ(whoami.subject(), "user:admin");

  grpc::ClientContext watching;
  v1::WatchRequest watch_request;
  watch_request.add_kinds("Site");
  const auto watch = stub->Watch(&watching, watch_request);
  v1::WatchResponse change;
  ASSERT_TRUE(watch->Read(&change));
  EXPECT_EQ(change.type(), v1::WatchResponse::TYPE_SYNCED);

  v1::ApplyRequest apply;
  apply.add_manifests()->set_content("apiVersion: perigee.dev/v1\nkind: Site\nmetadata: {name: berlin}\n");
  v1::ApplyResponse applied;
  ASSERT_TRUE(Call(*stub, &v1::CloudService::Stub::Apply, apply, &applied).ok());
  ASSERT_EQ(applied.results_size(), 1) << applied.ShortDebugString();
  EXPECT_EQ(applied.results(0).action(), "created");
  ASSERT_TRUE(watch->Read(&change));
  EXPECT_EQ(change.resource().site().metadata().name(), "berlin");
  watching.TryCancel();

  // A user is not a satellite.
  const auto satellite_stub = v1::SatelliteService::NewStub(Channel(*identity));
  grpc::ClientContext session_context;
  const auto session = satellite_stub->Session(&session_context);
  v1::FromControlPlane message;
  EXPECT_FALSE(session->Read(&message));
  EXPECT_EQ(session->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);

  const std::string ca_hash = control_plane_->endpoints().ca_hash;
  const absl::Time before = absl::Now();
  Stop();
  EXPECT_LT(absl::Now() - before, absl::Seconds(5));
  EXPECT_FALSE(FileExists(options_.data_dir + "/endpoints.json"));
  Start();
  EXPECT_EQ(control_plane_->endpoints().ca_hash, ca_hash);
  const auto again = v1::CloudService::NewStub(Channel(*identity));
  v1::GetRequest get;
  get.set_kind("Site");
  get.set_name("berlin");
  v1::GetResponse got;
  EXPECT_TRUE(Call(*again, &v1::CloudService::Stub::Get, get, &got).ok());
}

TEST_F(ControlPlaneTest, WithoutACertificateOfOursThereIsNoHandshake) {
  Start();
  const std::string roots = *ReadFile(options_.data_dir + "/ca.pem", limits::kManifestBytes);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = roots;
  const auto channel = ConnectChannel(control_plane_->endpoints().grpc, grpc::SslCredentials(options));
  const auto stub = v1::CloudService::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  v1::WhoamiResponse response;
  const grpc::Status status = stub->Whoami(&context, v1::WhoamiRequest(), &response);
  EXPECT_TRUE(status.error_code() == grpc::StatusCode::UNAVAILABLE)
      << status.error_code() << status.error_message();
}

}  // namespace
}  // namespace perigee::control
