// A key and its certificate chain in one PEM file (0600): private key, leaf,
// issuing CA. One file, so that a renewal replaces both in one rename and no reader
// can ever see the key of one and the certificate of the other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shared/pki/certificate.h"
#include "shared/pki/key.h"

namespace perigee {

struct Identity {
  PrivateKey key;
  std::vector<Certificate> chain;  // the leaf first
};

std::string IdentityToPem(const Identity& identity);
// INVALID_ARGUMENT when the key is not the leaf's.
absl::StatusOr<Identity> IdentityFromPem(std::string_view pem);
// Whether `next` is another certificate for the same key and name.
bool Renews(const Identity& next, const Identity& current);
absl::Status SaveIdentity(const std::string& path, const Identity& identity);
absl::StatusOr<Identity> LoadIdentity(const std::string& path);

}  // namespace perigee
