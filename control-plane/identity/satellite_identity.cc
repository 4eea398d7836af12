#include "control-plane/identity/satellite_identity.h"

#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/admission/intent.h"
#include "control-plane/identity/answers.h"
#include "control-plane/identity/approval.h"
#include "control-plane/identity/certificate_authority.h"
#include "control-plane/identity/facts.h"
#include "control-plane/identity/lookup.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/pki/request.h"
#include "shared/pki/spiffe.h"
#include "shared/resource/registry.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

constexpr int64_t kNonceSeconds = 5 * 60;
constexpr size_t kNonceRandomBytes = 16;
constexpr size_t kNoncePayload = sizeof(int64_t) + kNonceRandomBytes;
// Each was signed by a satellite's key, so these many in five minutes are no accident.
constexpr size_t kUsedNonces = 10'000;
constexpr size_t kReasonLength = 1'024;
constexpr size_t kCertificateBytes = 16 << 10;
constexpr int kAttempts = 8;

absl::Status NotProven() {
  return absl::UnauthenticatedError(
      "the recovery does not prove the satellite's identity: its certificate, a request of the same key, and "
      "a signature by that key over a fresh nonce are needed; if the key is lost, enrol the host again");
}

absl::Status StaleNonce() {
  return absl::UnauthenticatedError(
      "the nonce is unknown, used or older than five minutes; get a new one from /recover/v1/nonce");
}

// Leases and nonces count on the clock that never jumps.
int64_t SecondsSinceBoot(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::seconds>(clock.SinceBoot()).count();
}

int64_t EndOf(const std::string& nonce) {
  int64_t ends = 0;
  std::memcpy(&ends, nonce.data(), sizeof ends);
  return ends;
}

std::string SignedBytesOf(const v1::RecoverRequest& request) {
  std::string bytes = "perigee-recover-v1";
  bytes.push_back('\0');
  return bytes + Sha256(request.certificate_request()) + request.nonce();
}

}  // namespace

// A certificate whose key the sender has just used.
struct SatelliteIdentity::Proof {
  std::string uid;
  std::string key_hash;
  absl::Time not_after;
};

SatelliteIdentity::SatelliteIdentity(IdentityContext context, Config config)
    : context_(std::move(context)), config_(config), nonce_key_(context_.random.Bytes(32)) {}

absl::StatusOr<v1::RenewResponse> SatelliteIdentity::Renew(std::string_view uid,
                                                           const v1::RenewRequest& request) {
  PERIGEE_RETURN_IF_ERROR(CatchUp(context_));
  const auto satellite = FindByUid<v1::Satellite>(context_.model, "Satellite", uid);
  if (satellite == nullptr || satellite->metadata().has_deleting_since() ||
      satellite->operations().revoked().active()) {
    return absl::PermissionDeniedError("this satellite was revoked or deleted; it gets no new certificate");
  }
  if (satellite->operations().quarantined().active()) return QuarantinedGetsNothing(*satellite);
  if (request.certificate_request().size() > kCertificateBytes) {
    return absl::InvalidArgumentError("certificateRequest is too large");
  }
  PERIGEE_ASSIGN_OR_RETURN(const IssuedCertificate issued,
                           context_.authority.IssueForSatellite(uid, request.certificate_request()));
  v1::RenewResponse response;
  response.set_certificate_chain(issued.chain_pem);
  return response;
}

v1::RecoverRequest SatelliteIdentity::NewRecoveryNonce() {
  const int64_t ends = SecondsSinceBoot(context_.clock) + kNonceSeconds;
  std::string payload(reinterpret_cast<const char*>(&ends), sizeof ends);
  payload += context_.random.Bytes(kNonceRandomBytes);
  v1::RecoverRequest answer;
  answer.set_nonce(payload + Seal(payload));
  return answer;
}

// The payload has one length, so nesting makes a MAC of the hash (as HMAC does, RFC 2104).
std::string SatelliteIdentity::Seal(std::string_view payload) const {
  return Sha256(nonce_key_ + Sha256(nonce_key_ + std::string(payload)));
}

bool SatelliteIdentity::IsFresh(const std::string& nonce) const {
  if (nonce.size() < kNoncePayload) return false;
  const std::string_view payload = std::string_view(nonce).substr(0, kNoncePayload);
  if (!ConstantTimeEqual(std::string_view(nonce).substr(kNoncePayload), Seal(payload))) return false;
  return SecondsSinceBoot(context_.clock) < EndOf(nonce);
}

absl::Status SatelliteIdentity::UseUp(const std::string& nonce) {
  const int64_t now = SecondsSinceBoot(context_.clock);
  absl::MutexLock lock(&mutex_);
  if (used_.size() >= kUsedNonces) {
    absl::erase_if(used_, [&](const auto& entry) { return entry.second <= now; });
  }
  if (used_.size() >= kUsedNonces)
    return absl::ResourceExhaustedError("too many recoveries; try again in 5 min");
  return used_.emplace(nonce, EndOf(nonce)).second ? absl::OkStatus() : StaleNonce();
}

absl::StatusOr<SatelliteIdentity::Proof> SatelliteIdentity::CheckProof(const v1::RecoverRequest& request) {
  if (request.certificate().size() > kCertificateBytes ||
      request.certificate_request().size() > kCertificateBytes) {
    return absl::InvalidArgumentError("certificate or certificateRequest is too large");
  }
  if (!IsFresh(request.nonce())) return StaleNonce();
  const absl::StatusOr<Certificate> certificate = Certificate::FromPem(request.certificate());
  if (!certificate.ok() || !context_.authority.VerifyIssuedHere(*certificate).ok()) return NotProven();
  const absl::StatusOr<std::string> uri = certificate->Uri();
  if (!uri.ok()) return NotProven();
  const absl::StatusOr<SpiffeId> id = ParseSpiffeId(*uri);
  if (!id.ok() || id->kind != SpiffeId::Kind::kSatellite) return NotProven();
  const absl::StatusOr<PublicKey> key = KeyOfRequest(request.certificate_request());
  if (!key.ok() || !(*key == certificate->Key())) return NotProven();
  if (!key->Verify(SignedBytesOf(request), request.signature()).ok()) return NotProven();
  PERIGEE_RETURN_IF_ERROR(UseUp(request.nonce()));
  return Proof{
      .uid = id->name, .key_hash = HexEncode(key->Fingerprint()), .not_after = certificate->NotAfter()};
}

absl::StatusOr<v1::EnrollResponse> SatelliteIdentity::Recover(const v1::RecoverRequest& request) {
  PERIGEE_ASSIGN_OR_RETURN(const Proof proof, CheckProof(request));
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<v1::EnrollResponse> answer = RecoverOnce(request, proof);
    if (!absl::IsAborted(answer.status()) || attempt == kAttempts) return answer;
  }
}

absl::StatusOr<v1::EnrollResponse> SatelliteIdentity::RecoverOnce(const v1::RecoverRequest& request,
                                                                  const Proof& proof) {
  PERIGEE_RETURN_IF_ERROR(CatchUp(context_));
  const auto satellite = FindByUid<v1::Satellite>(context_.model, "Satellite", proof.uid);
  PERIGEE_RETURN_IF_ERROR(DecideRecovery({.policy = config_.recovery,
                                          .age_limit = config_.recovery_age_limit,
                                          .satellite = satellite.get(),
                                          .not_after = proof.not_after},
                                         context_.clock.Now()));
  v1::EnrollmentRequest wanted;
  wanted.mutable_metadata()->set_name(
      EnrolmentRequestName("recover-" + satellite->metadata().name(), proof.uid, proof.key_hash));
  wanted.mutable_spec()->set_site_uid(satellite->spec().site_uid());
  wanted.mutable_spec()->set_site(satellite->spec().site());
  wanted.mutable_spec()->set_fingerprint(GroupFingerprint(proof.key_hash));
  wanted.mutable_spec()->set_certificate_request(request.certificate_request());
  wanted.mutable_spec()->set_satellite_name(satellite->metadata().name());
  wanted.mutable_status()->set_phase("Pending");
  wanted.mutable_status()->set_satellite_uid(proof.uid);
  if (config_.recovery == RecoveryPolicy::kApprove) return AskForApproval(std::move(wanted));

  PERIGEE_ASSIGN_OR_RETURN(const Approval approval,
                           Approve(context_, std::move(wanted), "policy", "recovery is automatic"));
  v1::EnrollResponse answer = AnswerFor(context_, approval.request);
  answer.clear_request();
  return answer;
}

absl::StatusOr<v1::EnrollResponse> SatelliteIdentity::AskForApproval(v1::EnrollmentRequest wanted) {
  Caller caller = SystemCaller("identity");
  caller.source = "https";
  const auto existing =
      Find<v1::EnrollmentRequest>(context_.model, "EnrollmentRequest", wanted.metadata().name());
  if (existing == nullptr) {
    PERIGEE_FAILPOINT("identity.recover.before_request");
    PERIGEE_RETURN_IF_ERROR(
        context_.intent.Commit(caller, {{.verb = "recover", .object = WrapObject(wanted)}}).status());
    return AnswerFor(context_, wanted);
  }
  if (existing->status().phase() != "Approved") return AnswerFor(context_, *existing);
  // An approval serves for the certificate it made; once that has ended too, it is asked again.
  const absl::StatusOr<Certificate> made = Certificate::FromPem(existing->status().certificate_chain());
  if (made.ok() && context_.clock.Now() < made->NotAfter()) return AnswerFor(context_, *existing);
  v1::EnrollmentRequest again = *existing;
  again.mutable_metadata()->mutable_annotations()->erase(kDecisionAnnotation);
  *again.mutable_status() = wanted.status();
  PERIGEE_ASSIGN_OR_RETURN(const auto status,
                           ReadStatus<v1::EnrollmentRequestStatus>(context_.store, "EnrollmentRequest",
                                                                   existing->metadata().uid()));
  const std::string key = keys::Status("EnrollmentRequest", existing->metadata().uid());
  PERIGEE_FAILPOINT("identity.recover.before_asking_again");
  PERIGEE_RETURN_IF_ERROR(context_.intent
                              .Commit(caller, {{.verb = "recover", .object = WrapObject(again)}},
                                      {{key, again.status().SerializeAsString()}}, {{key, status.revision}})
                              .status());
  return AnswerFor(context_, again);
}

absl::StatusOr<v1::RevokeSatelliteResponse> SatelliteIdentity::Revoke(
    const Caller& caller, const v1::RevokeSatelliteRequest& request) {
  absl::Status done = absl::AbortedError("");
  for (int attempt = 0; attempt < kAttempts && absl::IsAborted(done); ++attempt) {
    done = RevokeOnce(caller, request);
  }
  PERIGEE_RETURN_IF_ERROR(done);
  PERIGEE_RETURN_IF_ERROR(CatchUp(context_));
  const auto satellite = Find<v1::Satellite>(context_.model, "Satellite", request.name());
  if (satellite == nullptr) return absl::NotFoundError("the satellite was deleted meanwhile");
  v1::RevokeSatelliteResponse response;
  *response.mutable_resource() = WrapObject(*satellite);
  return response;
}

absl::Status SatelliteIdentity::RevokeOnce(const Caller& caller, const v1::RevokeSatelliteRequest& request) {
  PERIGEE_RETURN_IF_ERROR(CatchUp(context_));
  const auto satellite = Find<v1::Satellite>(context_.model, "Satellite", request.name());
  if (satellite == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no satellite \"",
                                            SanitizeText(request.name(), limits::kLabelValueLength),
                                            "\"; see: cloudctl get satellites"));
  }
  if (satellite->operations().revoked().active()) return absl::OkStatus();
  v1::Satellite changed = *satellite;
  v1::Override& revoked = *changed.mutable_operations()->mutable_revoked();
  revoked.set_active(true);
  revoked.set_by(caller.subject);
  revoked.set_why(SanitizeText(request.why(), kReasonLength));
  *revoked.mutable_since() = ToTimestamp(context_.clock.Now());
  PERIGEE_FAILPOINT("identity.revoke.before_commit");
  return context_.intent.Commit(caller, {{.verb = "revoke", .object = WrapObject(changed)}}).status();
}

}  // namespace perigee::control
