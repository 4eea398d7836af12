// CloudService over gRPC: each call is posted to the worker pool and answered from control-plane/api.
#pragma once

#include <atomic>

#include "control-plane/api/api.h"
#include "control-plane/grpc/worker_pool.h"
#include "proto/perigee/v1/cloud_service.grpc.pb.h"

namespace perigee::control {

class CloudServiceServer final : public v1::CloudService::CallbackService {
 public:
  CloudServiceServer(Api& api, WorkerPool& pool) : api_(api), pool_(pool) {}

  grpc::ServerUnaryReactor* Whoami(grpc::CallbackServerContext* context, const v1::WhoamiRequest* request,
                                   v1::WhoamiResponse* response) override;
  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::GetResponse* response) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const v1::ListRequest* request,
                                 v1::ListResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext* context,
                                                     const v1::WatchRequest* request) override;
  grpc::ServerUnaryReactor* Apply(grpc::CallbackServerContext* context, const v1::ApplyRequest* request,
                                  v1::ApplyResponse* response) override;
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context, const v1::DeleteRequest* request,
                                   v1::DeleteResponse* response) override;
  grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext* context, const v1::ExplainRequest* request,
                                    v1::ExplainResponse* response) override;
  grpc::ServerUnaryReactor* CreateEnrollmentToken(grpc::CallbackServerContext* context,
                                                  const v1::CreateEnrollmentTokenRequest* request,
                                                  v1::CreateEnrollmentTokenResponse* response) override;
  grpc::ServerUnaryReactor* DecideEnrollment(grpc::CallbackServerContext* context,
                                             const v1::DecideEnrollmentRequest* request,
                                             v1::DecideEnrollmentResponse* response) override;
  grpc::ServerUnaryReactor* RevokeSatellite(grpc::CallbackServerContext* context,
                                            const v1::RevokeSatelliteRequest* request,
                                            v1::RevokeSatelliteResponse* response) override;

 private:
  Api& api_;
  WorkerPool& pool_;
  std::atomic<int> watches_{0};
};

}  // namespace perigee::control
