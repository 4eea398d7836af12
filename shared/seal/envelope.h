// Secrets at rest under a key of 32 bytes: AES-256-GCM with a random nonce of
// 96 bits. One key may seal 2^32 texts (NIST SP 800-38D, 8.3).
//
// Format: "PGE1" nonce(12) ciphertext tag(16). The magic and the context are authenticated.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace perigee {

inline constexpr size_t kEnvelopeKeyBytes = 32;

// `context` says what the text is (its key in the store, say): opening under another one fails, so
// that what is sealed cannot be moved to another place. INVALID_ARGUMENT for a key of another length.
absl::StatusOr<std::string> SealWithKey(std::string_view key, std::string_view context,
                                        std::string_view plaintext);
// DATA_LOSS when the key, the context or the bytes are not the ones sealed.
absl::StatusOr<std::string> OpenWithKey(std::string_view key, std::string_view context,
                                        std::string_view sealed);

}  // namespace perigee
