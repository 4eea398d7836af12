#include "shared/pki/identity_file.h"

#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee {

std::string IdentityToPem(const Identity& identity) {
  return identity.key.ToPem() + BundleToPem(identity.chain);
}

absl::StatusOr<Identity> IdentityFromPem(std::string_view pem) {
  PERIGEE_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPem(pem));
  PERIGEE_ASSIGN_OR_RETURN(std::vector<Certificate> chain, Certificate::BundleFromPem(pem));
  if (key.Public() != chain.front().Key()) {
    return absl::InvalidArgumentError("the private key does not belong to the certificate");
  }
  return Identity{std::move(key), std::move(chain)};
}

bool Renews(const Identity& next, const Identity& current) {
  const Certificate& leaf = next.chain.front();
  const Certificate& before = current.chain.front();
  return leaf.Key() == before.Key() && leaf.Uri().value_or("") == before.Uri().value_or("") &&
         leaf.Serial() != before.Serial();
}

absl::Status SaveIdentity(const std::string& path, const Identity& identity) {
  return WriteFileAtomically(path, IdentityToPem(identity), 0600);
}

absl::StatusOr<Identity> LoadIdentity(const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path, limits::kManifestBytes));
  auto identity = IdentityFromPem(pem);
  if (!identity.ok()) return Annotate(identity.status(), absl::StrCat("reading the identity in ", path));
  return identity;
}

}  // namespace perigee
