// Who calls: from the certificate of the connection and from nowhere else.
#pragma once

#include <grpcpp/server_context.h>

#include "absl/status/statusor.h"
#include "control-plane/access/authorization.h"
#include "control-plane/access/deny_list.h"
#include "control-plane/api/api.h"
#include "shared/rpc/peer.h"

namespace perigee::control {

struct PeerCaller {
  Caller caller;
  PeerIdentity identity;
};

// UNAUTHENTICATED without a certificate of ours.
[[nodiscard]] absl::StatusOr<PeerCaller> CallerOf(const grpc::ServerContextBase& context, const Api& api);

// The same for a satellite that may call `method` and was not revoked.
[[nodiscard]] absl::StatusOr<PeerCaller> SatelliteOf(const grpc::ServerContextBase& context, const Api& api,
                                                     const AuthorizationTable& table,
                                                     const DenyList& deny_list, std::string_view method);

}  // namespace perigee::control
