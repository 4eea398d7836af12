// What becomes of a Secret's content on its way in: encrypted, a new version
// only when the content changes, its keys in status, nothing shown.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control-plane/secrets/vault.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/random.h"

namespace perigee::control {

struct SecretChange {
  bool content_changed = false;
  std::vector<v1::FieldChange> changes;  // of the content, by key
};

// Moves spec.data of `after` (uid set) into its envelope. Empty data keeps the content of `before` (null:
// created), so that what `get -o yaml` prints can be applied.
[[nodiscard]] absl::StatusOr<SecretChange> ProtectSecret(const Vault& vault, Random& random,
                                                         const v1::Secret* before, v1::Secret& after);

}  // namespace perigee::control
