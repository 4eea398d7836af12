// Who is who. This module makes and keeps the certificate authority, lets hosts
// in (enrolment), lets them back in (recovery), lets people in (login), and
// puts satellites out (revocation). Every decision is a pure function
// (`*_decision.h`); the classes here carry it out through the one door for intent.
//
// Invariants:
//  - A certificate's only name is one URI, spiffe://perigee/satellite/<uid> or
//    spiffe://perigee/user/<name>. Nothing that a request says about names is believed.
//  - A token of N uses makes at most N identities, whatever crashes or races.
//  - Wherever a crash falls, the data directory starts again with the same authority.
//  - A revoked satellite gets no certificate by any way.
//
//   auto ca = CertificateAuthority::OpenOrCreate({.data_dir = d}, vault, SystemClock());
//   auto enrolment = Enrolment(IdentityContext{...}, **ca);
//   enrolment.Enrol(request, "10.1.2.3");
//
// Files of the authority in D/pki: root.{pem,key} (the key may be taken offline),
// issuing.{pem,key}, delivery.key, server.pem (key and chain in one file, so that
// they change together). The first three keys are encrypted with control-plane/secrets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "shared/base/clock.h"
#include "shared/base/job.h"
#include "shared/pki/certificate.h"
#include "shared/pki/identity_file.h"
#include "shared/pki/issue.h"
#include "shared/pki/key.h"

namespace perigee::control {

class Vault;

struct CertificateAuthorityOptions {
  std::string data_dir;
  // Further names and addresses of the server's certificate (--advertise).
  std::vector<std::string> advertised;
  absl::Duration satellite_certificate_lifetime = absl::Hours(24 * 90);
  absl::Duration user_certificate_lifetime = absl::Hours(12);
  absl::Duration server_certificate_lifetime = absl::Hours(24 * 90);
};

struct IssuedCertificate {
  std::string chain_pem;  // certificate, issuing CA
  std::string serial;     // hex
  absl::Time not_after;
};

// What a TLS server of the control plane presents.
struct ServerIdentity {
  std::string key_pem;
  std::string
      chain_pem;  // certificate, issuing CA, root (so that a client that knows only its hash can find it)
  absl::Time not_after;
  int generation = 0;  // rises with each renewal while this process runs
};

// Thread-safe.
class CertificateAuthority {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<CertificateAuthority>> OpenOrCreate(
      CertificateAuthorityOptions options, const Vault& vault, const Clock& clock);
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  // `certificate_request` is PKCS #10 (DER or PEM), signed by its own key, EC P-256; only the key is
  // taken from it. INVALID_ARGUMENT when it is not.
  [[nodiscard]] absl::StatusOr<IssuedCertificate> IssueForSatellite(
      std::string_view uid, std::string_view certificate_request) const;
  [[nodiscard]] absl::StatusOr<IssuedCertificate> IssueForUser(std::string_view name,
                                                               std::string_view certificate_request) const;
  // OK: a client certificate of this authority, whenever it was or is valid.
  [[nodiscard]] absl::Status VerifyIssuedHere(const Certificate& certificate) const;

  // PEM of the root, as in D/ca.pem: what both ends verify against.
  const std::string& root_pem() const { return root_pem_; }
  // "sha256:<hex>" over the root certificate's DER: what people pin.
  const std::string& ca_hash() const { return ca_hash_; }
  std::string issuing_pem() const;

  // ECDSA P-256 with SHA-256 by the delivery key, DER; for signed roots of entries.
  [[nodiscard]] absl::StatusOr<std::string> SignDelivery(std::string_view bytes) const;
  // SHA-256 of the delivery key's SubjectPublicKeyInfo.
  std::string delivery_key_id() const;
  // SubjectPublicKeyInfo, DER, of each delivery key that satellites shall accept.
  std::vector<std::string> delivery_keys() const;

  ServerIdentity server() const;
  // Key and chain in one PEM file, replaced atomically: usable as certificate file and as key file.
  std::string server_file() const;

  // Renews what has less than a third of its life left: the server certificate and,
  // while the root key is here, the issuing CA.
  [[nodiscard]] absl::Status Maintain();
  // Calls Maintain on a thread of its own ("pki-renew") from now on. Once only.
  void StartMaintenance(absl::Duration every);
  // Whether the root key is in the data directory.
  bool root_key_present() const;

 private:
  CertificateAuthority(CertificateAuthorityOptions options, const Vault& vault, const Clock& clock);
  std::string PathOf(std::string_view file) const;
  absl::Status Open();
  absl::Status OpenRoot();
  absl::Status OpenIssuing() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<PrivateKey> LoadKey(std::string_view name) const;
  absl::StatusOr<PrivateKey> LoadOrMakeKey(std::string_view name) const;
  absl::StatusOr<Certificate> IssueIssuing(const PublicKey& key, absl::Time not_before) const;
  absl::StatusOr<IssuedCertificate> Issue(const std::string& uri, std::string_view certificate_request,
                                          absl::Duration lifetime) const;
  absl::Status RenewIssuing() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status EnsureServerIdentity() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool StillGood(const Identity& identity) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CertificateAuthorityOptions options_;
  const Vault& vault_;
  const Clock& clock_;
  // Constant after Open.
  bool complete_ = false;  // an authority was here before this start
  std::optional<Certificate> root_;
  std::string root_pem_;
  std::string ca_hash_;
  std::optional<PrivateKey> delivery_key_;
  ServerNames names_;

  mutable absl::Mutex mutex_;
  std::optional<Issuer> issuing_ ABSL_GUARDED_BY(mutex_);
  ServerIdentity server_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<BackgroundJob> job_;  // last: its body uses all of the above
};

}  // namespace perigee::control
