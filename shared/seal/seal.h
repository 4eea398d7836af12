// Secrets sealed to one satellite: only the holder of its sealing key opens
// them, so the link, the stored entries and a stolen backup show nothing.
//
// CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084); the content key is agreed by
// ECDH on P-256 (RFC 5753, dhSinglePass-stdDH-sha256kdf) and wrapped with AES-256 (RFC 3394).
// Chosen over EnvelopedData with AES-CBC, which notices no change, and over RSA, whose keys
// are slow to make on small hosts. Any CMS tool opens it: openssl cms -decrypt -inform DER.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "shared/pki/key.h"

namespace perigee {

// CMS, DER, to the key of a sealing certificate (DER; see MakeSealingCertificate). Different bytes
// each time for the same text: seal once and keep the result.
absl::StatusOr<std::string> Seal(std::string_view certificate_der, std::string_view plaintext);
// DATA_LOSS when it was changed or was sealed to another key; no more is said.
absl::StatusOr<std::string> Unseal(const PrivateKey& key, std::string_view certificate_der,
                                   std::string_view sealed);

}  // namespace perigee
