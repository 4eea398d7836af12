// A CloudService in the test's own process, which keeps objects in a vector, and
// a session that talks to it.
#pragma once

#include <algorithm>
#include <sstream>

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "control-plane/cloudctl/cloudctl.h"
#include "proto/perigee/v1/cloud_service.grpc.pb.h"
#include "shared/resource/registry.h"
#include "shared/resource/selector.h"

namespace perigee::control {

class FakeCloud final : public v1::CloudService::Service {
 public:
  std::vector<v1::Resource> objects;
  v1::ApplyResponse apply_response;
  v1::ExplainResponse explain_response;
  // What was asked last.
  v1::ApplyRequest applied;
  std::vector<v1::DeleteRequest> deleted;
  v1::CreateEnrollmentTokenRequest token_asked;
  v1::DecideEnrollmentRequest decided;
  v1::RevokeSatelliteRequest revoked;
  v1::ListRequest listed;

  grpc::Status Whoami(grpc::ServerContext*, const v1::WhoamiRequest*, v1::WhoamiResponse* response) override {
    response->set_subject("user/admin");
    response->add_roles("admin");
    return grpc::Status::OK;
  }
  grpc::Status Get(grpc::ServerContext*, const v1::GetRequest* request, v1::GetResponse* response) override {
    for (const v1::Resource& resource : objects) {
      if (Fits(resource, request->kind(), request->project()) &&
          MetaOf(ObjectOf(resource)).name() == request->name()) {
        *response->mutable_resource() = resource;
        return grpc::Status::OK;
      }
    }
    return grpc::Status(grpc::NOT_FOUND, "there is no " + request->kind() + " " + request->name());
  }
  grpc::Status List(grpc::ServerContext*, const v1::ListRequest* request,
                    v1::ListResponse* response) override {
    listed = *request;
    const auto selector = ParseSelector(request->selector());
    if (!selector.ok()) return grpc::Status(grpc::INVALID_ARGUMENT, std::string(selector.status().message()));
    // Two to a page, so that paging is always used.
    const int page = request->limit() == 1 ? 1 : 2;
    size_t at = request->continue_token().empty() ? 0 : std::stoul(request->continue_token());
    for (; at < objects.size(); ++at) {
      if (response->resources_size() == page) {
        response->set_continue_token(std::to_string(at));
        break;
      }
      if (Fits(objects[at], request->kind(), request->project()) &&
          Matches(*selector, MetaOf(ObjectOf(objects[at])).labels())) {
        *response->add_resources() = objects[at];
      }
    }
    return grpc::Status::OK;
  }
  grpc::Status Watch(grpc::ServerContext*, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override {
    v1::WatchResponse response;
    for (const v1::Resource& resource : objects) {
      if (!IsWatched(resource, *request)) continue;
      response.set_type(v1::WatchResponse::TYPE_PUT);
      *response.mutable_resource() = resource;
      writer->Write(response);
    }
    v1::WatchResponse synced;
    synced.set_type(v1::WatchResponse::TYPE_SYNCED);
    writer->Write(synced);
    writer->Write(response);
    response.set_type(v1::WatchResponse::TYPE_DELETE);
    writer->Write(response);
    return grpc::Status::OK;
  }
  grpc::Status Apply(grpc::ServerContext*, const v1::ApplyRequest* request,
                     v1::ApplyResponse* response) override {
    applied = *request;
    *response = apply_response;
    return grpc::Status::OK;
  }
  grpc::Status Delete(grpc::ServerContext*, const v1::DeleteRequest* request,
                      v1::DeleteResponse* response) override {
    deleted.push_back(*request);
    if (request->name() == "missing") return grpc::Status(grpc::NOT_FOUND, "there is no such object");
    response->set_waiting(request->name() == "waits");
    return grpc::Status::OK;
  }
  grpc::Status Explain(grpc::ServerContext*, const v1::ExplainRequest*,
                       v1::ExplainResponse* response) override {
    *response = explain_response;
    return grpc::Status::OK;
  }
  grpc::Status CreateEnrollmentToken(grpc::ServerContext*, const v1::CreateEnrollmentTokenRequest* request,
                                     v1::CreateEnrollmentTokenResponse* response) override {
    token_asked = *request;
    response->set_token("pgt_abc");
    response->set_ca_hash("sha256:00ff");
    response->set_https_endpoint("https://198.51.100.7:7443");
    return grpc::Status::OK;
  }
  grpc::Status DecideEnrollment(grpc::ServerContext*, const v1::DecideEnrollmentRequest* request,
                                v1::DecideEnrollmentResponse* response) override {
    decided = *request;
    auto& spec = *response->mutable_resource()->mutable_enrollment_request()->mutable_spec();
    spec.set_fingerprint("ab12 cd34");
    spec.set_satellite_name("berlin-2");
    spec.set_site("berlin");
    return grpc::Status::OK;
  }
  grpc::Status RevokeSatellite(grpc::ServerContext*, const v1::RevokeSatelliteRequest* request,
                               v1::RevokeSatelliteResponse*) override {
    revoked = *request;
    return grpc::Status::OK;
  }

 private:
  static bool IsWatched(const v1::Resource& resource, const v1::WatchRequest& request) {
    return std::any_of(request.kinds().begin(), request.kinds().end(), [&](const std::string& kind) {
      return Fits(resource, kind, kind == "Event" ? "" : request.project());
    });
  }
  static bool Fits(const v1::Resource& resource, const std::string& kind, const std::string& project) {
    const auto& object = ObjectOf(resource);
    return KindOf(object).kind == kind && (project.empty() || MetaOf(object).project() == project);
  }
};

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

class CloudctlTest : public ::testing::Test {
 protected:
  CloudctlTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&cloud_);
    server_ = builder.BuildAndStart();
  }
  ~CloudctlTest() override { server_->Shutdown(); }

  Outcome Run(std::vector<std::string> arguments, const std::string& input = "",
              Rendering rendering = {.width = 0}) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Session session(in, out, err);
    session.rendering = rendering;
    session.zone = absl::UTCTimeZone();
    session.now = absl::FromUnixSeconds(kNow);
    session.UseClient(Client(server_->InProcessChannel(grpc::ChannelArguments())));
    const int code = RunCloudctl(std::move(arguments), session);
    return {code, out.str(), err.str()};
  }

  static constexpr int64_t kNow = 1'767'268'980;  // 2026-01-01 12:03 UTC
  FakeCloud cloud_;

 private:
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace perigee::control
