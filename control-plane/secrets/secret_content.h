// The content of a Secret: in and out of its envelope. The envelope is bound to
// the object's uid and version.
#pragma once

#include "absl/status/statusor.h"
#include "control-plane/secrets/vault.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "proto/perigee/v1/workload.pb.h"

namespace perigee::control {

// Sets spec.encrypted of `secret` (whose uid and spec.version are set) and clears spec.data.
[[nodiscard]] absl::Status EncryptContent(const Vault& vault, const v1::SecretContent& content,
                                          v1::Secret& secret);
// An empty content when nothing was ever set.
[[nodiscard]] absl::StatusOr<v1::SecretContent> DecryptContent(const Vault& vault, const v1::Secret& secret);

}  // namespace perigee::control
