// SatelliteService over gRPC. Identity is the client certificate's; no message names its sender.
#pragma once

#include "control-plane/api/api.h"
#include "control-plane/grpc/worker_pool.h"
#include "control-plane/identity/satellite_identity.h"
#include "control-plane/sessions/hub.h"
#include "proto/perigee/v1/satellite.grpc.pb.h"
#include "shared/base/job.h"

namespace perigee::control {

class SatelliteServiceServer final : public v1::SatelliteService::CallbackService {
 public:
  struct Parts {  // all outlive it
    const Api& api;
    SessionHub& hub;
    SatelliteIdentity& satellites;
    const DenyList& deny_list;
    const AuthorizationTable& table;
    WorkerPool& pool;
  };
  explicit SatelliteServiceServer(Parts parts) : parts_(parts) {}

  grpc::ServerBidiReactor<v1::FromSatellite, v1::FromControlPlane>* Session(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context, const v1::RenewRequest* request,
                                  v1::RenewResponse* response) override;
  // Tunnel stays as generated: UNIMPLEMENTED.

 private:
  const Parts parts_;
  Executor timer_{"grpc-timer"};
};

}  // namespace perigee::control
