#include "control-plane/controllers/vault_sealer.h"

#include "absl/strings/str_cat.h"
#include "control-plane/secrets/secret_content.h"
#include "shared/base/status.h"
#include "shared/resource/text.h"
#include "shared/seal/seal.h"

namespace perigee::control {

absl::StatusOr<std::string> VaultSealer::Seal(const v1::Secret& secret, const v1::Satellite& holder) {
  const std::string& certificate = holder.status().sealing_certificate();
  if (certificate.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "satellite ", holder.metadata().name(), " has not told its sealing key; it does when it connects"));
  }
  PERIGEE_ASSIGN_OR_RETURN(const v1::SecretContent content, DecryptContent(vault_, secret));
  return perigee::Seal(certificate, CanonicalBytes(content));
}

}  // namespace perigee::control
