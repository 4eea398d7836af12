#include "control-plane/grpc/peer_caller.h"

#include <utility>

#include "shared/base/status.h"

namespace perigee::control {

absl::StatusOr<PeerCaller> CallerOf(const grpc::ServerContextBase& context, const Api& api) {
  PERIGEE_ASSIGN_OR_RETURN(PeerIdentity identity, PeerUri(context));
  std::vector<std::string> roles;
  if (identity.id.kind == SpiffeId::Kind::kUser) roles = api.RolesOfUser(identity.id.name);
  PERIGEE_ASSIGN_OR_RETURN(Caller caller, CallerFromCertificate(identity.uri, std::move(roles), "grpc"));
  return PeerCaller{std::move(caller), std::move(identity)};
}

absl::StatusOr<PeerCaller> SatelliteOf(const grpc::ServerContextBase& context, const Api& api,
                                       const AuthorizationTable& table, const DenyList& deny_list,
                                       std::string_view method) {
  PERIGEE_ASSIGN_OR_RETURN(PeerCaller peer, CallerOf(context, api));
  PERIGEE_RETURN_IF_ERROR(table.Authorize(peer.caller, method));
  if (peer.identity.id.kind != SpiffeId::Kind::kSatellite) {
    return absl::PermissionDeniedError("Only satellites call this, with the certificate of their enrolment.");
  }
  if (deny_list.Contains(peer.identity.id.name)) {
    return absl::PermissionDeniedError("This satellite was revoked. What runs on the host goes on.");
  }
  return peer;
}

}  // namespace perigee::control
