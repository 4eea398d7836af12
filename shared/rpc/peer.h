// Who is at the other end: what its verified certificate says, never a message.
#pragma once

#include <string>

#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/pki/spiffe.h"

namespace perigee {

struct PeerIdentity {
  std::string uri;     // spiffe://perigee/...
  SpiffeId id;         // the same, parsed
  std::string serial;  // of the certificate, as Certificate::Serial()
  absl::Time not_after;
};

// UNAUTHENTICATED when there is no certificate, or none of ours.
absl::StatusOr<PeerIdentity> PeerUri(const grpc::AuthContext& context);
absl::StatusOr<PeerIdentity> PeerUri(const grpc::ServerContextBase& context);

}  // namespace perigee
