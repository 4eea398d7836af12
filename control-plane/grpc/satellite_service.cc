#include "control-plane/grpc/satellite_service.h"

#include <utility>

#include "control-plane/grpc/peer_caller.h"
#include "control-plane/grpc/session_stream.h"
#include "shared/rpc/status_conversion.h"

namespace perigee::control {
namespace {

class RefusedStream final : public grpc::ServerBidiReactor<v1::FromSatellite, v1::FromControlPlane> {
 public:
  explicit RefusedStream(const absl::Status& why) { Finish(ToGrpc(why)); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerBidiReactor<v1::FromSatellite, v1::FromControlPlane>* SatelliteServiceServer::Session(
    grpc::CallbackServerContext* context) {
  const absl::StatusOr<PeerCaller> peer = SatelliteOf(*context, parts_.api, parts_.table, parts_.deny_list,
                                                      "/perigee.v1.SatelliteService/Session");
  if (!peer.ok()) return new RefusedStream(peer.status());
  return SessionStream::Start(
      context, {peer->identity.id.name, peer->identity.serial, peer->identity.not_after}, parts_.hub, timer_);
}

grpc::ServerUnaryReactor* SatelliteServiceServer::Renew(grpc::CallbackServerContext* context,
                                                        const v1::RenewRequest* request,
                                                        v1::RenewResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool posted = parts_.pool.TryPost([this, context, request, response, reactor] {
    const absl::StatusOr<PeerCaller> peer = SatelliteOf(*context, parts_.api, parts_.table, parts_.deny_list,
                                                        "/perigee.v1.SatelliteService/Renew");
    if (!peer.ok()) return reactor->Finish(ToGrpc(peer.status()));
    absl::StatusOr<v1::RenewResponse> renewed = parts_.satellites.Renew(peer->identity.id.name, *request);
    if (renewed.ok()) *response = *std::move(renewed);
    reactor->Finish(ToGrpc(renewed.status()));
  });
  if (!posted) {
    reactor->Finish(
        grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "Too many calls wait. Try again in a moment."));
  }
  return reactor;
}

}  // namespace perigee::control
