// The API from outside: typed calls over one channel with a client certificate.
// Errors are what the server said, with what to do where the client knows it.
//
//   PERIGEE_ASSIGN_OR_RETURN(Client client, Connect(context, credentials));
//   PERIGEE_ASSIGN_OR_RETURN(v1::WhoamiResponse me, client.Whoami());
//
// Thread-safe after construction.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "proto/perigee/v1/cloud_service.grpc.pb.h"
#include "shared/client/context.h"

namespace perigee {

struct CallOptions {
  absl::Duration deadline = absl::Seconds(30);
};

class Client {
 public:
  explicit Client(std::shared_ptr<grpc::Channel> channel, CallOptions options = {});

  absl::StatusOr<v1::WhoamiResponse> Whoami() const;
  absl::StatusOr<v1::Resource> Get(const v1::GetRequest& request) const;
  static constexpr size_t kAll = std::numeric_limits<size_t>::max();
  // As many pages as `most` objects take; the first of them.
  absl::StatusOr<std::vector<v1::Resource>> List(const v1::ListRequest& request, size_t most = kAll) const;
  // Calls `each` for every message until it returns false, the server ends it, or an error. No deadline.
  absl::Status Watch(const v1::WatchRequest& request,
                     const std::function<bool(const v1::WatchResponse&)>& each) const;
  absl::StatusOr<v1::ApplyResponse> Apply(const v1::ApplyRequest& request) const;
  absl::StatusOr<v1::DeleteResponse> Delete(const v1::DeleteRequest& request) const;
  absl::StatusOr<v1::ExplainResponse> Explain(const v1::ExplainRequest& request) const;
  absl::StatusOr<v1::CreateEnrollmentTokenResponse> CreateEnrollmentToken(
      const v1::CreateEnrollmentTokenRequest& request) const;
  absl::StatusOr<v1::Resource> DecideEnrollment(const v1::DecideEnrollmentRequest& request) const;
  absl::StatusOr<v1::Resource> RevokeSatellite(const v1::RevokeSatelliteRequest& request) const;

 private:
  std::shared_ptr<v1::CloudService::Stub> stub_;
  CallOptions options_;
};

// A channel with mutual TLS to context.grpc; the server must be control-plane.perigee.internal under the
// roots. Connects with the first call. The program has called PrepareGrpc() (shared/rpc/process_setup.h).
absl::StatusOr<Client> Connect(const Context& context, const Credentials& credentials);

}  // namespace perigee
