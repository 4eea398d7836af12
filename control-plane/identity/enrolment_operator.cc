// The operators' half of Enrolment: making tokens, approving and denying.
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control-plane/admission/intent.h"
#include "control-plane/identity/approval.h"
#include "control-plane/identity/certificate_authority.h"
#include "control-plane/identity/enrolment.h"
#include "control-plane/identity/enrolment_decision.h"
#include "control-plane/identity/facts.h"
#include "control-plane/identity/lookup.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/resource/quantity.h"
#include "shared/resource/registry.h"
#include "shared/resource/validate.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

constexpr size_t kSecretCharacters = 32;  // of 5 bits: 160 bits
constexpr size_t kNameCharacters = 6;
constexpr absl::Duration kLongestTtl = absl::Hours(24 * 30);
constexpr int kMostUses = 1'000;
constexpr size_t kReasonLength = 1'024;
constexpr int kAttempts = 8;

absl::StatusOr<absl::Duration> CheckTtl(const std::string& text) {
  const absl::StatusOr<absl::Duration> ttl = ParseDuration(text.empty() ? "10m" : text);
  if (!ttl.ok()) return Annotate(ttl.status(), "ttl");
  if (*ttl <= absl::ZeroDuration() || *ttl > kLongestTtl) {
    return absl::InvalidArgumentError(
        absl::StrCat("ttl ", text, " is not between 1s and 720h; a token should live minutes, not months"));
  }
  return *ttl;
}

absl::Status CheckRequest(const v1::CreateEnrollmentTokenRequest& request) {
  if (request.uses() < 0 || request.uses() > kMostUses) {
    return absl::InvalidArgumentError(
        absl::StrCat("uses ", request.uses(), " is not between 1 and ", kMostUses));
  }
  if (request.approval() != "" && request.approval() != "auto" && request.approval() != "manual") {
    return absl::InvalidArgumentError(
        absl::StrCat("approval \"", SanitizeText(request.approval(), 32), "\" is neither auto nor manual"));
  }
  if (!request.name().empty()) PERIGEE_RETURN_IF_ERROR(Annotate(ValidateName(request.name()), "name"));
  if (request.labels_size() > limits::kLabels) return absl::InvalidArgumentError("too many labels");
  for (const auto& [key, value] : request.labels()) {
    PERIGEE_RETURN_IF_ERROR(Annotate(ValidateLabelKey(key), "labels"));
    PERIGEE_RETURN_IF_ERROR(Annotate(ValidateLabelValue(value), "labels"));
  }
  return absl::OkStatus();
}

v1::EnrollmentToken NewTokenObject(const v1::CreateEnrollmentTokenRequest& request, const std::string& name,
                                   const std::string& secret, absl::Time expires) {
  v1::EnrollmentToken token;
  token.mutable_metadata()->set_name(name);
  v1::EnrollmentTokenSpec& spec = *token.mutable_spec();
  spec.set_site(request.site());
  *spec.mutable_labels() = request.labels();
  spec.set_ttl(request.ttl());
  spec.set_uses(request.uses());
  spec.set_approval(request.approval());
  spec.set_secret_hash(Sha256Hex(secret));
  *spec.mutable_expires_at() = ToTimestamp(expires);
  token.mutable_status()->set_uses_left(request.uses() == 0 ? 1 : request.uses());
  return token;
}

absl::Status AlreadyDecided(const v1::EnrollmentRequest& request, bool approve) {
  const bool approved = request.status().phase() == "Approved";
  if (approved == approve) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("request ", request.metadata().name(), " was already ", approved ? "approved" : "denied",
                   " by ", request.status().decided_by(),
                   approved ? "; to put the satellite out again: cloudctl satellite revoke "
                            : "; to let the host in, enrol it with a new token",
                   approved ? request.spec().satellite_name() : std::string()));
}

}  // namespace

absl::StatusOr<v1::CreateEnrollmentTokenResponse> Enrolment::CreateToken(
    const Caller& caller, const v1::CreateEnrollmentTokenRequest& request) {
  PERIGEE_RETURN_IF_ERROR(CheckRequest(request));
  PERIGEE_ASSIGN_OR_RETURN(const absl::Duration ttl, CheckTtl(request.ttl()));
  PERIGEE_RETURN_IF_ERROR(CatchUp(context_));
  if (Find<v1::Site>(context_.model, "Site", request.site()) == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no site \"", SanitizeText(request.site(), 63),
                                            "\"; apply it first, or see: cloudctl get sites"));
  }
  const std::string name =
      !request.name().empty()
          ? request.name()
          : absl::StrCat(request.site().substr(0, limits::kLabelValueLength - kNameCharacters - 1), "-",
                         NewToken(context_.random, kNameCharacters));
  const std::string secret = NewToken(context_.random, kSecretCharacters);
  const absl::Time expires = context_.clock.Now() + ttl;
  const v1::EnrollmentToken token = NewTokenObject(request, name, secret, expires);
  PERIGEE_FAILPOINT("identity.token.before_commit");
  const absl::StatusOr<int64_t> revision =
      context_.intent.Commit(caller, {{.verb = "create", .object = WrapObject(token)}});
  if (absl::IsAborted(revision.status())) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is an enrolment token ", name, " already; choose another name or none"));
  }
  PERIGEE_RETURN_IF_ERROR(revision.status());
  PERIGEE_RETURN_IF_ERROR(CatchUp(context_));

  v1::CreateEnrollmentTokenResponse response;
  v1::EnrollmentToken shown = token;
  if (const auto stored = Find<v1::EnrollmentToken>(context_.model, "EnrollmentToken", name)) shown = *stored;
  shown.mutable_spec()->clear_secret_hash();
  *response.mutable_resource() = WrapObject(shown);
  response.set_token(FormatEnrolmentToken({.name = name, .secret = secret}));
  response.set_ca_hash(context_.authority.ca_hash());
  response.set_https_endpoint(context_.https_endpoint());
  return response;
}

absl::StatusOr<v1::DecideEnrollmentResponse> Enrolment::Decide(const Caller& caller,
                                                               const v1::DecideEnrollmentRequest& request) {
  absl::MutexLock lock(&mutex_);
  absl::Status decided = absl::AbortedError("");
  for (int attempt = 0; attempt < kAttempts && absl::IsAborted(decided); ++attempt) {
    decided = DecideOnce(caller, request);
  }
  PERIGEE_RETURN_IF_ERROR(decided);
  PERIGEE_RETURN_IF_ERROR(CatchUp(context_));
  const auto stored = Find<v1::EnrollmentRequest>(context_.model, "EnrollmentRequest", request.request());
  if (stored == nullptr) return absl::NotFoundError("the request was deleted meanwhile");
  v1::EnrollmentRequest shown = *stored;
  shown.mutable_spec()->clear_poll_hash();
  v1::DecideEnrollmentResponse response;
  *response.mutable_resource() = WrapObject(shown);
  return response;
}

absl::Status Enrolment::DecideOnce(const Caller& caller, const v1::DecideEnrollmentRequest& request) {
  PERIGEE_RETURN_IF_ERROR(CatchUp(context_));
  const auto stored = Find<v1::EnrollmentRequest>(context_.model, "EnrollmentRequest", request.request());
  if (stored == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no enrolment request \"",
                                            SanitizeText(request.request(), limits::kLabelValueLength),
                                            "\"; see: cloudctl get enrollmentrequests"));
  }
  const std::string& uid = stored->metadata().uid();
  PERIGEE_ASSIGN_OR_RETURN(const auto status,
                           ReadStatus<v1::EnrollmentRequestStatus>(context_.store, "EnrollmentRequest", uid));
  v1::EnrollmentRequest changed = *stored;
  *changed.mutable_status() = status.status;
  if (changed.status().phase() != "Pending") return AlreadyDecided(changed, request.approve());

  const std::string why = SanitizeText(request.why(), kReasonLength);
  std::vector<Intent::Change> changes;
  std::vector<Compare> compares = {{keys::Status("EnrollmentRequest", uid), status.revision}};
  if (request.approve()) {
    PERIGEE_ASSIGN_OR_RETURN(Approval approval, Approve(context_, changed, caller.subject, why));
    changed = std::move(approval.request);
    for (Compare& compare : approval.compares) compares.push_back(std::move(compare));
    if (approval.satellite.has_value()) {
      changes.push_back({.verb = "approve", .object = WrapObject(*approval.satellite)});
    }
  } else {
    changed.mutable_status()->set_phase("Denied");
    changed.mutable_status()->set_reason(why);
    changed.mutable_status()->set_decided_by(caller.subject);
    *changed.mutable_status()->mutable_decided_at() = ToTimestamp(context_.clock.Now());
  }
  (*changed.mutable_metadata()->mutable_annotations())[kDecisionAnnotation] =
      request.approve() ? "approved" : "denied";
  changes.push_back({.verb = request.approve() ? "approve" : "deny", .object = WrapObject(changed)});
  PERIGEE_FAILPOINT("identity.decide.before_commit");
  return context_.intent
      .Commit(caller, std::move(changes),
              {{keys::Status("EnrollmentRequest", uid), changed.status().SerializeAsString()}},
              std::move(compares))
      .status();
}

}  // namespace perigee::control
