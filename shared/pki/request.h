// Certificate signing requests (PKCS #10, RFC 2986). Whatever names a request
// holds are ignored: it says which key is asked for and proves that the sender has it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "shared/pki/key.h"

namespace perigee {

// PEM, with an empty subject.
absl::StatusOr<std::string> MakeRequest(const PrivateKey& key);
// The key of a request (PEM or DER) whose own signature verifies. UNAUTHENTICATED when it does not.
absl::StatusOr<PublicKey> KeyOfRequest(std::string_view request);

}  // namespace perigee
