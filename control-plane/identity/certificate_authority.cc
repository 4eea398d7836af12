#include "control-plane/identity/certificate_authority.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/identity/server_names.h"
#include "control-plane/secrets/vault.h"
#include "shared/base/failpoint.h"
#include "shared/base/files.h"
#include "shared/base/status.h"
#include "shared/pki/request.h"
#include "shared/pki/spiffe.h"
#include "shared/pki/verify.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

constexpr uint64_t kPkiFileBytes = 64 << 10;
constexpr absl::Duration kYear = absl::Hours(24 * 365);
constexpr absl::Duration kRootLifetime = absl::Hours(24 * 365 * 20);
constexpr absl::Duration kIssuingLifetime = absl::Hours(24 * 365 * 5);
// A client's certificate is judged by the centre's own clock. One that was issued while that clock ran ahead must
// still be accepted once it is right again, so it begins before its issue: a quarter of its life, which leaves half of
// the time to the renewal that satellites of all versions count from its beginning (a third of all). What was issued
// further ahead than that is recovered over HTTPS.
constexpr absl::Duration kLeastBackdating = absl::Hours(1);
constexpr int kBackdatedPart = 4;

// A host whose clock was never set verifies us at the time its agent was built
// (VerificationTime), so what it verifies must be valid from before any such build.
absl::Time AuthorityNotBefore(absl::Time now) {
  return std::min(now, BuildTime()) - kYear;
}

bool NeedsRenewal(absl::Time not_after, absl::Duration lifetime, absl::Time now) {
  return not_after - now < lifetime / 3;
}

absl::Status Lost(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(path,
                   " is missing, though this control plane had it: restore it from a backup of the data "
                   "directory; a new one would lock out every satellite"));
}

}  // namespace

CertificateAuthority::CertificateAuthority(CertificateAuthorityOptions options, const Vault& vault,
                                           const Clock& clock)
    : options_(std::move(options)), vault_(vault), clock_(clock) {}

CertificateAuthority::~CertificateAuthority() = default;

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::OpenOrCreate(
    CertificateAuthorityOptions options, const Vault& vault, const Clock& clock) {
  std::unique_ptr<CertificateAuthority> authority(new CertificateAuthority(std::move(options), vault, clock));
  PERIGEE_RETURN_IF_ERROR(Annotate(authority->Open(), "opening the certificate authority"));
  return authority;
}

std::string CertificateAuthority::PathOf(std::string_view file) const {
  return absl::StrCat(options_.data_dir, "/pki/", ToAbsl(file));
}

std::string CertificateAuthority::server_file() const {
  return PathOf("server.pem");
}

bool CertificateAuthority::root_key_present() const {
  return FileExists(PathOf("root.key"));
}

// The order of first writes: root.key, root.pem, delivery.key, issuing.key, issuing.pem. The last of
// them says that all were there, so that before it a crash is made good and after it a loss is told.
absl::Status CertificateAuthority::Open() {
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(PathOf(""), 0700));
  PERIGEE_ASSIGN_OR_RETURN(names_, NamesOfServer(MachineHostname(), options_.advertised));
  complete_ = FileExists(PathOf("issuing.pem"));
  PERIGEE_RETURN_IF_ERROR(OpenRoot());
  PERIGEE_ASSIGN_OR_RETURN(delivery_key_, LoadOrMakeKey("delivery"));
  PERIGEE_RETURN_IF_ERROR(OpenIssuing());
  const std::string ca_file = options_.data_dir + "/ca.pem";
  if (ReadFile(ca_file, kPkiFileBytes).value_or("") != root_pem_) {
    PERIGEE_FAILPOINT("identity.ca.before_ca_file");
    PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(ca_file, root_pem_, 0644));
  }
  return Maintain();
}

absl::Status CertificateAuthority::OpenRoot() {
  const std::string path = PathOf("root.pem");
  absl::StatusOr<std::string> pem = ReadFile(path, kPkiFileBytes);
  if (absl::IsNotFound(pem.status())) {
    if (complete_) return Lost(path);
    PERIGEE_ASSIGN_OR_RETURN(const PrivateKey key, LoadOrMakeKey("root"));
    const absl::Time now = clock_.Now();
    PERIGEE_ASSIGN_OR_RETURN(const Certificate made,
                             MakeRoot(key, "Perigee root", {AuthorityNotBefore(now), now + kRootLifetime}));
    PERIGEE_FAILPOINT("identity.ca.before_root");
    PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(path, made.ToPem(), 0644));
    pem = made.ToPem();
  }
  PERIGEE_RETURN_IF_ERROR(pem.status());
  PERIGEE_ASSIGN_OR_RETURN(root_, Certificate::FromPem(*pem));
  root_pem_ = root_->ToPem();
  ca_hash_ = root_->Hash();
  return absl::OkStatus();
}

absl::Status CertificateAuthority::OpenIssuing() {
  const std::string path = PathOf("issuing.pem");
  if (!complete_) {
    PERIGEE_ASSIGN_OR_RETURN(const PrivateKey key, LoadOrMakeKey("issuing"));
    PERIGEE_ASSIGN_OR_RETURN(const Certificate made,
                             IssueIssuing(key.Public(), AuthorityNotBefore(clock_.Now())));
    PERIGEE_FAILPOINT("identity.ca.before_issuing");
    PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(path, made.ToPem(), 0644));
  }
  PERIGEE_ASSIGN_OR_RETURN(const PrivateKey key, LoadKey("issuing"));
  PERIGEE_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path, kPkiFileBytes));
  PERIGEE_ASSIGN_OR_RETURN(const Certificate certificate, Certificate::FromPem(pem));
  if (!(key.Public() == certificate.Key())) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " is not of the key beside it; restore both from one backup of the data directory"));
  }
  absl::MutexLock lock(&mutex_);
  issuing_.emplace(Issuer{key, certificate});
  return absl::OkStatus();
}

absl::StatusOr<PrivateKey> CertificateAuthority::LoadKey(std::string_view name) const {
  const std::string path = PathOf(absl::StrCat(ToAbsl(name), ".key"));
  const absl::StatusOr<std::string> envelope = ReadFile(path, kPkiFileBytes);
  if (absl::IsNotFound(envelope.status())) return absl::NotFoundError(path + " is not there");
  PERIGEE_RETURN_IF_ERROR(envelope.status());
  const absl::StatusOr<std::string> pem = vault_.Decrypt(absl::StrCat("pki/", ToAbsl(name)), *envelope);
  PERIGEE_RETURN_IF_ERROR(Annotate(pem.status(), path));
  return PrivateKey::FromPem(*pem);
}

absl::StatusOr<PrivateKey> CertificateAuthority::LoadOrMakeKey(std::string_view name) const {
  absl::StatusOr<PrivateKey> there = LoadKey(name);
  if (!absl::IsNotFound(there.status())) return there;
  const std::string path = PathOf(absl::StrCat(ToAbsl(name), ".key"));
  if (complete_) return Lost(path);
  PERIGEE_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::GenerateEcP256());
  PERIGEE_ASSIGN_OR_RETURN(const std::string envelope,
                           vault_.Encrypt(absl::StrCat("pki/", ToAbsl(name)), key.ToPem()));
  PERIGEE_FAILPOINT("identity.ca.before_key");
  PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(path, envelope, 0600));
  return key;
}

absl::StatusOr<Certificate> CertificateAuthority::IssueIssuing(const PublicKey& key,
                                                               absl::Time not_before) const {
  PERIGEE_ASSIGN_OR_RETURN(const PrivateKey root_key, LoadKey("root"));
  const absl::Time not_after = std::min(clock_.Now() + kIssuingLifetime, root_->NotAfter());
  return IssueAuthority({root_key, *root_}, key, "Perigee issuing CA", {not_before, not_after});
}

absl::StatusOr<IssuedCertificate> CertificateAuthority::IssueForSatellite(
    std::string_view uid, std::string_view certificate_request) const {
  PERIGEE_ASSERT(IsUid(uid));
  return Issue(SatelliteUri(uid), certificate_request, options_.satellite_certificate_lifetime);
}

absl::StatusOr<IssuedCertificate> CertificateAuthority::IssueForUser(
    std::string_view name, std::string_view certificate_request) const {
  PERIGEE_ASSERT(IsUserName(name));
  return Issue(UserUri(name), certificate_request, options_.user_certificate_lifetime);
}

absl::StatusOr<IssuedCertificate> CertificateAuthority::Issue(const std::string& uri,
                                                              std::string_view certificate_request,
                                                              absl::Duration lifetime) const {
  const absl::StatusOr<PublicKey> key = KeyOfRequest(certificate_request);
  if (!key.ok() || !key->IsEcP256()) {
    return absl::InvalidArgumentError(
        "the certificate request is not a PKCS #10 request with an EC P-256 key, signed by that key");
  }
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mutex_);
  const absl::Time not_after = std::min(now + lifetime, issuing_->certificate.NotAfter());
  const absl::Time not_before = now - std::max(kLeastBackdating, lifetime / kBackdatedPart);
  PERIGEE_ASSIGN_OR_RETURN(const Certificate leaf,
                           IssueClient(*issuing_, *key, uri, {not_before, not_after}));
  return IssuedCertificate{.chain_pem = BundleToPem({leaf, issuing_->certificate}),
                           .serial = leaf.Serial(),
                           .not_after = leaf.NotAfter()};
}

absl::Status CertificateAuthority::VerifyIssuedHere(const Certificate& certificate) const {
  absl::MutexLock lock(&mutex_);
  return VerifyChain(certificate, {.roots = {*root_}, .intermediates = {issuing_->certificate}},
                     Purpose::kClient, certificate.NotAfter() - absl::Seconds(1));
}

std::string CertificateAuthority::issuing_pem() const {
  absl::MutexLock lock(&mutex_);
  return issuing_->certificate.ToPem();
}

absl::StatusOr<std::string> CertificateAuthority::SignDelivery(std::string_view bytes) const {
  return delivery_key_->Sign(bytes);
}

std::string CertificateAuthority::delivery_key_id() const {
  return delivery_key_->Public().Fingerprint();
}

std::vector<std::string> CertificateAuthority::delivery_keys() const {
  return {delivery_key_->Public().ToDer()};
}

ServerIdentity CertificateAuthority::server() const {
  absl::MutexLock lock(&mutex_);
  return server_;
}

absl::Status CertificateAuthority::Maintain() {
  absl::MutexLock lock(&mutex_);
  if (NeedsRenewal(issuing_->certificate.NotAfter(), kIssuingLifetime, clock_.Now())) {
    PERIGEE_RETURN_IF_ERROR(RenewIssuing());
  }
  return EnsureServerIdentity();
}

void CertificateAuthority::StartMaintenance(absl::Duration every) {
  PERIGEE_ASSERT(job_ == nullptr);
  job_ = std::make_unique<BackgroundJob>(
      BackgroundJob::Config{.thread_name = "pki-renew", .interval = every}, [this] {
        if (const absl::Status status = Maintain(); !status.ok()) {
          Log(Level::kError, "renewing certificates failed; it is tried again", {{"error", status}});
        }
      });
}

// The same key and the same beginning: what it signed before stays valid under the new certificate.
absl::Status CertificateAuthority::RenewIssuing() {
  if (!root_key_present()) {
    Log(Level::kWarning, "the issuing CA ends soon; put the root key back to renew it",
        {{"file", PathOf("root.key")}, {"not_after", issuing_->certificate.NotAfter()}});
    return absl::OkStatus();
  }
  PERIGEE_ASSIGN_OR_RETURN(const Certificate renewed,
                           IssueIssuing(issuing_->key.Public(), issuing_->certificate.NotBefore()));
  PERIGEE_FAILPOINT("identity.ca.before_issuing_renewal");
  PERIGEE_RETURN_IF_ERROR(WriteFileAtomically(PathOf("issuing.pem"), renewed.ToPem(), 0644));
  issuing_.emplace(Issuer{issuing_->key, renewed});
  Log(Level::kInfo, "issuing CA renewed", {{"not_after", renewed.NotAfter()}});
  return absl::OkStatus();
}

bool CertificateAuthority::StillGood(const Identity& identity) const {
  if (identity.chain.size() != 3) return false;
  const Certificate& leaf = identity.chain.front();
  std::vector<std::string> dns = leaf.DnsNames();
  std::vector<std::string> addresses = leaf.IpAddresses();
  std::sort(dns.begin(), dns.end());
  std::sort(addresses.begin(), addresses.end());
  return identity.chain[1] == issuing_->certificate && identity.chain[2] == *root_ && dns == names_.dns &&
         addresses == names_.addresses &&
         !NeedsRenewal(leaf.NotAfter(), options_.server_certificate_lifetime, clock_.Now());
}

absl::Status CertificateAuthority::EnsureServerIdentity() {
  absl::StatusOr<Identity> identity = LoadIdentity(server_file());
  if (!identity.ok() || !StillGood(*identity)) {
    PERIGEE_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::GenerateEcP256());
    const absl::Time now = clock_.Now();
    const absl::Time not_after =
        std::min(now + options_.server_certificate_lifetime, issuing_->certificate.NotAfter());
    PERIGEE_ASSIGN_OR_RETURN(
        const Certificate leaf,
        IssueServer(*issuing_, key.Public(), names_, {issuing_->certificate.NotBefore(), not_after}));
    identity = Identity{.key = key, .chain = {leaf, issuing_->certificate, *root_}};
    PERIGEE_FAILPOINT("identity.ca.before_server");
    PERIGEE_RETURN_IF_ERROR(SaveIdentity(server_file(), *identity));
    Log(Level::kInfo, "server certificate issued", {{"not_after", leaf.NotAfter()}});
  }
  const std::string chain_pem = BundleToPem(identity->chain);
  if (chain_pem == server_.chain_pem) return absl::OkStatus();
  server_ = {.key_pem = identity->key.ToPem(),
             .chain_pem = chain_pem,
             .not_after = identity->chain.front().NotAfter(),
             .generation = server_.generation + 1};
  const absl::Status trusted =
      VerifyChain(identity->chain.front(), {.roots = {*root_}, .intermediates = {issuing_->certificate}},
                  Purpose::kServer, clock_.Now());
  return Annotate(trusted, "the control plane's own server certificate");
}

}  // namespace perigee::control
