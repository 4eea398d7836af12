// Seals a Secret for its holder: opened from its envelope at rest, and closed
// again to the satellite's sealing certificate. Thread-safe.
#pragma once

#include "control-plane/compile/compile.h"
#include "control-plane/secrets/vault.h"

namespace perigee::control {

class VaultSealer final : public Sealer {
 public:
  explicit VaultSealer(const Vault& vault) : vault_(vault) {}
  // FAILED_PRECONDITION when the satellite has not told its sealing certificate.
  absl::StatusOr<std::string> Seal(const v1::Secret& secret, const v1::Satellite& holder) override;

 private:
  const Vault& vault_;
};

}  // namespace perigee::control
