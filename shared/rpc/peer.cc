#include "shared/rpc/peer.h"

#include <grpc/grpc_security_constants.h>

#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/pki/certificate.h"

namespace perigee {

absl::StatusOr<PeerIdentity> PeerUri(const grpc::AuthContext& context) {
  const std::vector<grpc::string_ref> pem = context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (!context.IsPeerAuthenticated() || pem.size() != 1) {
    return absl::UnauthenticatedError("no client certificate was shown");
  }
  const auto identify = [&]() -> absl::StatusOr<PeerIdentity> {
    PERIGEE_ASSIGN_OR_RETURN(const Certificate certificate,
                             Certificate::FromPem(std::string_view(pem.front().data(), pem.front().size())));
    PERIGEE_ASSIGN_OR_RETURN(std::string uri, certificate.Uri());
    PERIGEE_ASSIGN_OR_RETURN(SpiffeId id, ParseSpiffeId(uri));
    return PeerIdentity{std::move(uri), std::move(id), certificate.Serial(), certificate.NotAfter()};
  };
  auto identity = identify();
  if (!identity.ok()) return absl::UnauthenticatedError(identity.status().message());
  return identity;
}

absl::StatusOr<PeerIdentity> PeerUri(const grpc::ServerContextBase& context) {
  return PeerUri(*context.auth_context());
}

}  // namespace perigee
