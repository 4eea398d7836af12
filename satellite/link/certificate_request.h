// The certificate request as the wire wants it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "shared/pki/key.h"

namespace perigee::satellite {

// PKCS #10, DER, signed with `key`.
absl::StatusOr<std::string> MakeRequestDer(const PrivateKey& key);

}  // namespace perigee::satellite
