#include "control-plane/grpc/cloud_service.h"

#include <utility>

#include "control-plane/grpc/peer_caller.h"
#include "control-plane/grpc/watch_reactor.h"
#include "shared/rpc/status_conversion.h"

namespace perigee::control {
namespace {

// `call(peer)` runs on the pool and returns a StatusOr of the response.
template <typename Response, typename Call>
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, WorkerPool& pool, const Api& api,
                                 Response* response, Call call) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool posted = pool.TryPost([context, &api, response, reactor, call = std::move(call)] {
    const absl::StatusOr<PeerCaller> peer = CallerOf(*context, api);
    if (!peer.ok()) return reactor->Finish(ToGrpc(peer.status()));
    absl::StatusOr<Response> answer = call(*peer);
    if (answer.ok()) *response = *std::move(answer);
    reactor->Finish(ToGrpc(answer.status()));
  });
  if (!posted) {
    reactor->Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                 "The control plane has too many calls to answer. Try again in a moment."));
  }
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* CloudServiceServer::Whoami(grpc::CallbackServerContext* context,
                                                     const v1::WhoamiRequest*, v1::WhoamiResponse* response) {
  return Answer(context, pool_, api_, response,
                [this](const PeerCaller& peer) { return api_.Whoami(peer.caller, peer.identity.not_after); });
}

grpc::ServerUnaryReactor* CloudServiceServer::Get(grpc::CallbackServerContext* context,
                                                  const v1::GetRequest* request, v1::GetResponse* response) {
  return Answer(context, pool_, api_, response,
                [this, request](const PeerCaller& peer) { return api_.Get(peer.caller, *request); });
}

grpc::ServerUnaryReactor* CloudServiceServer::List(grpc::CallbackServerContext* context,
                                                   const v1::ListRequest* request,
                                                   v1::ListResponse* response) {
  return Answer(context, pool_, api_, response,
                [this, request](const PeerCaller& peer) { return api_.List(peer.caller, *request); });
}

grpc::ServerWriteReactor<v1::WatchResponse>* CloudServiceServer::Watch(grpc::CallbackServerContext* context,
                                                                       const v1::WatchRequest* request) {
  return WatchReactor::Start(context, *request, api_, pool_, watches_);
}

grpc::ServerUnaryReactor* CloudServiceServer::Apply(grpc::CallbackServerContext* context,
                                                    const v1::ApplyRequest* request,
                                                    v1::ApplyResponse* response) {
  return Answer(context, pool_, api_, response,
                [this, request](const PeerCaller& peer) { return api_.Apply(peer.caller, *request); });
}

grpc::ServerUnaryReactor* CloudServiceServer::Delete(grpc::CallbackServerContext* context,
                                                     const v1::DeleteRequest* request,
                                                     v1::DeleteResponse* response) {
  return Answer(context, pool_, api_, response,
                [this, request](const PeerCaller& peer) { return api_.Delete(peer.caller, *request); });
}

grpc::ServerUnaryReactor* CloudServiceServer::Explain(grpc::CallbackServerContext* context,
                                                      const v1::ExplainRequest* request,
                                                      v1::ExplainResponse* response) {
  return Answer(context, pool_, api_, response,
                [this, request](const PeerCaller& peer) { return api_.Explain(peer.caller, *request); });
}

grpc::ServerUnaryReactor* CloudServiceServer::CreateEnrollmentToken(
    grpc::CallbackServerContext* context, const v1::CreateEnrollmentTokenRequest* request,
    v1::CreateEnrollmentTokenResponse* response) {
  return Answer(context, pool_, api_, response, [this, request](const PeerCaller& peer) {
    return api_.CreateEnrollmentToken(peer.caller, *request);
  });
}

grpc::ServerUnaryReactor* CloudServiceServer::DecideEnrollment(grpc::CallbackServerContext* context,
                                                               const v1::DecideEnrollmentRequest* request,
                                                               v1::DecideEnrollmentResponse* response) {
  return Answer(context, pool_, api_, response, [this, request](const PeerCaller& peer) {
    return api_.DecideEnrollment(peer.caller, *request);
  });
}

grpc::ServerUnaryReactor* CloudServiceServer::RevokeSatellite(grpc::CallbackServerContext* context,
                                                              const v1::RevokeSatelliteRequest* request,
                                                              v1::RevokeSatelliteResponse* response) {
  return Answer(context, pool_, api_, response, [this, request](const PeerCaller& peer) {
    return api_.RevokeSatellite(peer.caller, *request);
  });
}

}  // namespace perigee::control
