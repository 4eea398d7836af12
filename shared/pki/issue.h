// Making certificates: a root that can be kept offline, an issuing CA below it
// (which cannot make further CAs), and leaves of two profiles. What goes into a
// certificate is decided by its issuer alone. Serial numbers are 127 random bits.
//
//   PERIGEE_ASSIGN_OR_RETURN(auto root, MakeRoot(root_key, "Perigee root", validity));
//   PERIGEE_ASSIGN_OR_RETURN(auto ca, IssueAuthority({root_key, root}, ca_key.Public(), "Perigee issuing CA",
//   validity)); PERIGEE_ASSIGN_OR_RETURN(auto leaf, IssueClient({ca_key, ca}, satellite_key,
//   SatelliteUri(uid), validity));
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/pki/certificate.h"
#include "shared/pki/key.h"

namespace perigee {

// Every server certificate carries this name and every client checks it, so that
// addresses, NAT and DNS do not matter. The CA is private and pinned.
inline constexpr char kControlPlaneName[] = "control-plane.perigee.internal";

struct Validity {
  absl::Time not_before;
  absl::Time not_after;
};

struct Issuer {
  PrivateKey key;
  Certificate certificate;
};

absl::StatusOr<Certificate> MakeRoot(const PrivateKey& key, const std::string& name,
                                     const Validity& validity);
absl::StatusOr<Certificate> IssueAuthority(const Issuer& root, const PublicKey& key, const std::string& name,
                                           const Validity& validity);

struct ServerNames {
  std::vector<std::string> dns = {kControlPlaneName};
  std::vector<std::string> addresses = {};  // IPv4 or IPv6
};
absl::StatusOr<Certificate> IssueServer(const Issuer& ca, const PublicKey& key, const ServerNames& names,
                                        const Validity& validity);
// `uri` is its only name (see spiffe.h).
absl::StatusOr<Certificate> IssueClient(const Issuer& ca, const PublicKey& key, const std::string& uri,
                                        const Validity& validity);

// A self-signed certificate to seal to (CMS key agreement; the key must be EC P-256). Trusted because the
// satellite handed it over under its own identity, not because of its signature.
absl::StatusOr<Certificate> MakeSealingCertificate(const PrivateKey& key, const std::string& name,
                                                   const Validity& validity);

}  // namespace perigee
