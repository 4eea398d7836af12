#include "shared/client/client.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/rpc/connection.h"
#include "shared/rpc/credentials.h"
#include "shared/rpc/status_conversion.h"

namespace perigee {
namespace {

// What the server says is told as it is; where nothing was reached, what to look at.
absl::Status WithAdvice(const grpc::Status& status) {
  const absl::Status error = FromGrpc(status);
  if (error.code() == absl::StatusCode::kUnavailable) {
    return absl::UnavailableError(absl::StrCat("the control plane does not answer (", error.message(),
                                               "); check the address in cloudctl context list, the network, "
                                               "and that perigee-control-plane runs; after a long "
                                               "pause the login may have ended: cloudctl login"));
  }
  if (error.code() == absl::StatusCode::kDeadlineExceeded) {
    return absl::DeadlineExceededError(
        "the control plane did not answer in time, so it is not known whether it was done; look with "
        "cloudctl get, then "
        "try again");
  }
  return error;
}

template <typename Request, typename Response>
absl::StatusOr<Response> Call(v1::CloudService::Stub& stub, const CallOptions& options,
                              grpc::Status (v1::CloudService::Stub::*method)(grpc::ClientContext*,
                                                                             const Request&, Response*),
                              const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(options.deadline));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return WithAdvice(status);
  return response;
}

absl::StatusOr<v1::Resource> TakeResource(auto response) {
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_resource());
}

}  // namespace

Client::Client(std::shared_ptr<grpc::Channel> channel, CallOptions options)
    : stub_(v1::CloudService::NewStub(channel)), options_(options) {}

absl::StatusOr<v1::WhoamiResponse> Client::Whoami() const {
  return Call(*stub_, options_, &v1::CloudService::Stub::Whoami, v1::WhoamiRequest());
}

absl::StatusOr<v1::Resource> Client::Get(const v1::GetRequest& request) const {
  return TakeResource(Call(*stub_, options_, &v1::CloudService::Stub::Get, request));
}

absl::StatusOr<std::vector<v1::Resource>> Client::List(const v1::ListRequest& request, size_t most) const {
  std::vector<v1::Resource> resources;
  v1::ListRequest page = request;
  while (true) {
    const size_t left = most - resources.size();
    if (left < limits::kListPage) page.set_limit(static_cast<int32_t>(left));
    PERIGEE_ASSIGN_OR_RETURN(v1::ListResponse response,
                             Call(*stub_, options_, &v1::CloudService::Stub::List, page));
    for (v1::Resource& resource : *response.mutable_resources()) resources.push_back(std::move(resource));
    if (resources.size() > most) resources.resize(most);
    if (response.continue_token().empty() || resources.size() == most) return resources;
    if (response.continue_token() == page.continue_token()) {
      return absl::InternalError("the control plane gave the same page twice; try again, and report it");
    }
    page.set_continue_token(response.continue_token());
  }
}

absl::Status Client::Watch(const v1::WatchRequest& request,
                           const std::function<bool(const v1::WatchResponse&)>& each) const {
  grpc::ClientContext context;
  const auto reader = stub_->Watch(&context, request);
  v1::WatchResponse response;
  while (reader->Read(&response)) {
    if (each(response)) continue;
    context.TryCancel();
    reader->Finish();
    return absl::OkStatus();
  }
  const grpc::Status status = reader->Finish();
  return status.ok() ? absl::OkStatus() : WithAdvice(status);
}

absl::StatusOr<v1::ApplyResponse> Client::Apply(const v1::ApplyRequest& request) const {
  return Call(*stub_, options_, &v1::CloudService::Stub::Apply, request);
}

absl::StatusOr<v1::DeleteResponse> Client::Delete(const v1::DeleteRequest& request) const {
  return Call(*stub_, options_, &v1::CloudService::Stub::Delete, request);
}

absl::StatusOr<v1::ExplainResponse> Client::Explain(const v1::ExplainRequest& request) const {
  return Call(*stub_, options_, &v1::CloudService::Stub::Explain, request);
}

absl::StatusOr<v1::CreateEnrollmentTokenResponse> Client::CreateEnrollmentToken(
    const v1::CreateEnrollmentTokenRequest& request) const {
  return Call(*stub_, options_, &v1::CloudService::Stub::CreateEnrollmentToken, request);
}

absl::StatusOr<v1::Resource> Client::DecideEnrollment(const v1::DecideEnrollmentRequest& request) const {
  return TakeResource(Call(*stub_, options_, &v1::CloudService::Stub::DecideEnrollment, request));
}

absl::StatusOr<v1::Resource> Client::RevokeSatellite(const v1::RevokeSatelliteRequest& request) const {
  return TakeResource(Call(*stub_, options_, &v1::CloudService::Stub::RevokeSatellite, request));
}

absl::StatusOr<Client> Connect(const Context& context, const Credentials& credentials) {
  PERIGEE_ASSIGN_OR_RETURN(
      auto channel_credentials,
      MutualTlsClientFromPem(absl::StrCat(credentials.key_pem, "\n", credentials.chain_pem),
                             credentials.roots_pem));
  return Client(ConnectChannel(context.grpc, channel_credentials));
}

}  // namespace perigee
