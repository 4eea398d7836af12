#include "control-plane/identity/enrolment.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control-plane/admission/intent.h"
#include "control-plane/identity/answers.h"
#include "control-plane/identity/approval.h"
#include "control-plane/identity/certificate_authority.h"
#include "control-plane/identity/enrolment_decision.h"
#include "control-plane/identity/facts.h"
#include "control-plane/identity/lookup.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/pki/certificate.h"
#include "shared/pki/request.h"
#include "shared/resource/registry.h"

namespace perigee::control {
namespace {

// How often a lost comparison is tried again. Only deletes and approvals compete with the lock's holder.
constexpr int kAttempts = 8;
constexpr size_t kShortestPollSecret = 16;
constexpr size_t kLongestPollSecret = 256;
constexpr size_t kCertificateBytes = 16 << 10;

absl::Status CheckShape(const v1::EnrollRequest& request) {
  if (request.certificate_request().size() > kCertificateBytes ||
      request.sealing_certificate().size() > kCertificateBytes) {
    return absl::InvalidArgumentError("certificateRequest or sealingCertificate is too large");
  }
  if (request.poll_secret().size() < kShortestPollSecret ||
      request.poll_secret().size() > kLongestPollSecret) {
    return absl::InvalidArgumentError(absl::StrCat("pollSecret must have ", kShortestPollSecret, " to ",
                                                   kLongestPollSecret, " characters"));
  }
  if (request.sealing_certificate().empty()) return absl::OkStatus();
  const absl::StatusOr<Certificate> sealing = Certificate::FromDer(request.sealing_certificate());
  if (!sealing.ok()) {
    return absl::InvalidArgumentError("sealingCertificate is not an X.509 certificate in DER");
  }
  return absl::OkStatus();
}

absl::Status TooManyFailures(absl::Duration wait) {
  return absl::ResourceExhaustedError(
      absl::StrCat("too many failed attempts from this address; try again in ",
                   absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1))), " s"));
}

// Tokens and hosts are nobody's account: identity acts, at the wish of a host.
Caller Doorkeeper() {
  Caller caller = SystemCaller("identity");
  caller.source = "https";
  return caller;
}

}  // namespace

// What a host brought, checked for shape only.
struct Enrolment::Applicant {
  const v1::EnrollRequest& request;
  EnrolmentTokenText token;
  std::string key_hash;  // hex SHA-256 of the SubjectPublicKeyInfo
};

// What there is about it.
struct Enrolment::Stored {
  std::shared_ptr<const v1::EnrollmentToken> token;
  StoredStatus<v1::EnrollmentTokenStatus> token_status;
  std::shared_ptr<const v1::EnrollmentRequest> existing;
  std::string request_name;
};

Enrolment::Enrolment(IdentityContext context)
    : context_(std::move(context)), failures_(limits::kLoginFailuresPerMinute, absl::Minutes(1)) {}

absl::StatusOr<Enrolment::Applicant> Enrolment::Examine(const v1::EnrollRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(CheckShape(request));
  const absl::StatusOr<PublicKey> key = KeyOfRequest(request.certificate_request());
  if (!key.ok() || !key->IsEcP256()) {
    return absl::InvalidArgumentError(
        "certificateRequest is not a PKCS #10 request with an EC P-256 key, signed by that key");
  }
  PERIGEE_ASSIGN_OR_RETURN(EnrolmentTokenText token, ParseEnrolmentToken(request.token()));
  return Applicant{.request = request, .token = std::move(token), .key_hash = HexEncode(key->Fingerprint())};
}

absl::StatusOr<Enrolment::Stored> Enrolment::Read(const Applicant& applicant) const {
  PERIGEE_RETURN_IF_ERROR(CatchUp(context_));
  Stored stored;
  stored.token = Find<v1::EnrollmentToken>(context_.model, "EnrollmentToken", applicant.token.name);
  if (stored.token == nullptr) return stored;
  const std::string& uid = stored.token->metadata().uid();
  PERIGEE_ASSIGN_OR_RETURN(stored.token_status,
                           ReadStatus<v1::EnrollmentTokenStatus>(context_.store, "EnrollmentToken", uid));
  stored.request_name = EnrolmentRequestName(stored.token->spec().site(), uid, applicant.key_hash);
  stored.existing = Find<v1::EnrollmentRequest>(context_.model, "EnrollmentRequest", stored.request_name);
  return stored;
}

absl::StatusOr<v1::EnrollResponse> Enrolment::Enrol(const v1::EnrollRequest& request,
                                                    std::string_view address) {
  const absl::StatusOr<Applicant> applicant = Examine(request);
  if (!applicant.ok()) return Refuse(applicant.status(), address);
  absl::MutexLock lock(&mutex_);
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<v1::EnrollResponse> answer = EnrolOnce(*applicant, address);
    if (!absl::IsAborted(answer.status()) || attempt == kAttempts) return answer;
  }
}

// Only a failed attempt counts, and only a failed attempt is told to wait: guessing from
// an address never locks out the holder of a right token behind it.
absl::Status Enrolment::Refuse(const absl::Status& refusal, std::string_view address) {
  const absl::Duration wait = failures_.Begin(address, context_.clock.Now());
  return wait > absl::ZeroDuration() ? TooManyFailures(wait) : refusal;
}

absl::StatusOr<v1::EnrollResponse> Enrolment::EnrolOnce(const Applicant& applicant,
                                                        std::string_view address) {
  PERIGEE_ASSIGN_OR_RETURN(const Stored stored, Read(applicant));
  v1::EnrollmentToken token;
  if (stored.token != nullptr) {
    token = *stored.token;
    *token.mutable_status() = stored.token_status.status;
  }
  const EnrolmentDecision decision = DecideEnrolment({.token = stored.token == nullptr ? nullptr : &token,
                                                      .presented_secret = applicant.token.secret,
                                                      .existing = stored.existing.get()},
                                                     context_.clock.Now());
  switch (decision.action) {
    case EnrolmentAction::kRefuse:
      return Refuse(decision.refusal, address);
    case EnrolmentAction::kReturnExisting:
      return ReturnExisting(applicant, stored);
    case EnrolmentAction::kAwaitApproval:
      return Admit(applicant, stored, false);
    case EnrolmentAction::kEnrol:
      return Admit(applicant, stored, true);
  }
  return absl::InternalError("an enrolment decision without an action");
}

absl::StatusOr<v1::EnrollResponse> Enrolment::Admit(const Applicant& applicant, const Stored& stored,
                                                    bool approved) {
  const std::string& site_name = stored.token->spec().site();
  const auto site = Find<v1::Site>(context_.model, "Site", site_name);
  if (site == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("site ", site_name,
                                                      " of the token does not exist any "
                                                      "more; ask an operator for a token of another site"));
  }
  v1::EnrollmentRequest request;
  request.mutable_metadata()->set_name(stored.request_name);
  request.mutable_metadata()->set_uid(NewUid(context_.random, context_.clock.Now()));
  v1::EnrollmentRequestSpec& spec = *request.mutable_spec();
  spec.set_site_uid(site->metadata().uid());
  spec.set_site(site_name);
  spec.set_token_uid(stored.token->metadata().uid());
  spec.set_fingerprint(GroupFingerprint(applicant.key_hash));
  spec.set_certificate_request(applicant.request.certificate_request());
  spec.set_sealing_certificate(applicant.request.sealing_certificate());
  spec.set_satellite_name(SanitizeText(applicant.request.name(), limits::kLabelValueLength));
  *spec.mutable_labels() = stored.token->spec().labels();
  spec.set_poll_hash(Sha256Hex(applicant.request.poll_secret()));
  *request.mutable_status()->mutable_facts() = SanitizeFacts(applicant.request.facts());
  request.mutable_status()->set_phase("Pending");

  v1::EnrollmentTokenStatus used = stored.token_status.status;
  used.set_uses_left(used.uses_left() - 1);
  std::vector<Intent::Change> changes;
  std::vector<Compare> compares = {
      {keys::Intent("EnrollmentToken", "", stored.token->metadata().name()),
       stored.token->metadata().revision()},
      {keys::Status("EnrollmentToken", stored.token->metadata().uid()), stored.token_status.revision}};
  if (approved) {
    PERIGEE_ASSIGN_OR_RETURN(Approval approval,
                             Approve(context_, std::move(request), "token:" + stored.token->metadata().name(),
                                     "the token approves at once"));
    used.add_enrolled(approval.request.status().satellite_uid());
    changes.push_back({.verb = "enrol", .object = WrapObject(*approval.satellite)});
    request = std::move(approval.request);
  }
  changes.push_back({.verb = "enrol", .object = WrapObject(request)});
  PERIGEE_FAILPOINT("identity.enrol.before_commit");
  const absl::StatusOr<int64_t> revision = context_.intent.Commit(
      Doorkeeper(), std::move(changes),
      {{keys::Status("EnrollmentToken", stored.token->metadata().uid()), used.SerializeAsString()}},
      std::move(compares));
  PERIGEE_RETURN_IF_ERROR(revision.status());
  PERIGEE_FAILPOINT("identity.enrol.after_commit");
  return AnswerFor(context_, request);
}

// A host that crashed before it kept its poll secret comes back with another: it has proven
// token and key again, so the new secret takes the old one's place.
absl::StatusOr<v1::EnrollResponse> Enrolment::ReturnExisting(const Applicant& applicant,
                                                             const Stored& stored) {
  PERIGEE_RETURN_IF_ERROR(CheckNotRevoked(context_, *stored.existing));
  const std::string poll_hash = Sha256Hex(applicant.request.poll_secret());
  if (stored.existing->spec().poll_hash() != poll_hash) {
    v1::EnrollmentRequest changed = *stored.existing;
    changed.mutable_spec()->set_poll_hash(poll_hash);
    PERIGEE_FAILPOINT("identity.enrol.before_poll_secret");
    PERIGEE_RETURN_IF_ERROR(
        context_.intent.Commit(Doorkeeper(), {{.verb = "enrol", .object = WrapObject(changed)}}).status());
  }
  return AnswerFor(context_, *stored.existing);
}

absl::StatusOr<v1::EnrollResponse> Enrolment::Poll(const v1::EnrollPollRequest& request,
                                                   std::string_view address) {
  const auto found = Find<v1::EnrollmentRequest>(context_.model, "EnrollmentRequest", request.request());
  const std::string presented = Sha256Hex(request.poll_secret());
  const std::string stored =
      found != nullptr ? found->spec().poll_hash() : std::string(presented.size(), '0');
  if (!ConstantTimeEqual(presented, stored) || found == nullptr) {
    return Refuse(
        absl::UnauthenticatedError("there is no such enrolment request with this poll secret; enrol "
                                   "again with a token"),
        address);
  }
  PERIGEE_RETURN_IF_ERROR(CheckNotRevoked(context_, *found));
  return AnswerFor(context_, *found);
}

}  // namespace perigee::control
