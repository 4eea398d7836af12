#include "control-plane/identity/enrolment_decision.h"

#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"
#include "shared/resource/validate.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

constexpr std::string_view kTokenPrefix = "pgt_";

absl::Status NotValid() {
  return absl::UnauthenticatedError(
      "the enrolment token is not valid: no such token, or another secret; check that the whole token was "
      "copied, or ask an operator for a new one (cloudctl token create --site SITE)");
}

std::string CutTo(std::string_view text, size_t length) {
  std::string result(text.substr(0, length));
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result;
}

}  // namespace

absl::StatusOr<EnrolmentTokenText> ParseEnrolmentToken(std::string_view text) {
  const size_t last = text.rfind('_');
  if (text.substr(0, kTokenPrefix.size()) != kTokenPrefix || last < kTokenPrefix.size()) {
    return absl::InvalidArgumentError("this is not an enrolment token; one looks like pgt_NAME_SECRET");
  }
  EnrolmentTokenText token{.name = std::string(text.substr(kTokenPrefix.size(), last - kTokenPrefix.size())),
                           .secret = std::string(text.substr(last + 1))};
  if (!ValidateName(token.name).ok() || token.secret.empty() || text.size() > limits::kTokenFileBytes) {
    return absl::InvalidArgumentError("this is not an enrolment token; one looks like pgt_NAME_SECRET");
  }
  return token;
}

std::string FormatEnrolmentToken(const EnrolmentTokenText& token) {
  return absl::StrCat(ToAbsl(kTokenPrefix), token.name, "_", token.secret);
}

EnrolmentDecision DecideEnrolment(const EnrolmentInput& input, absl::Time now) {
  // Hashed and compared for an unknown name too, so that time does not tell which names exist.
  const std::string presented = Sha256Hex(input.presented_secret);
  const std::string no_secret(presented.size(), '0');
  const std::string& stored = input.token != nullptr ? input.token->spec().secret_hash() : no_secret;
  const bool right = ConstantTimeEqual(presented, stored);
  if (input.token == nullptr || !right) return {EnrolmentAction::kRefuse, NotValid()};

  const v1::EnrollmentToken& token = *input.token;
  // A retry is answered whatever has become of the token: it has no second effect.
  if (input.existing != nullptr) return {EnrolmentAction::kReturnExisting, {}};
  const std::string ask =
      absl::StrCat("; ask an operator for a new one: cloudctl token create --site ", token.spec().site());
  if (token.metadata().has_deleting_since()) {
    return {EnrolmentAction::kRefuse, absl::FailedPreconditionError(absl::StrCat(
                                          "enrolment token ", token.metadata().name(), " was deleted", ask))};
  }
  const absl::Time expires = FromTimestamp(token.spec().expires_at());
  if (now >= expires) {
    return {EnrolmentAction::kRefuse,
            absl::FailedPreconditionError(
                absl::StrCat("enrolment token ", token.metadata().name(), " expired at ",
                             absl::FormatTime(absl::RFC3339_sec, expires, absl::UTCTimeZone()), ask))};
  }
  if (token.status().uses_left() <= 0) {
    return {EnrolmentAction::kRefuse, absl::FailedPreconditionError(absl::StrCat(
                                          "enrolment token ", token.metadata().name(), " is used up", ask))};
  }
  const bool automatic = token.spec().approval() == "auto";
  return {automatic ? EnrolmentAction::kEnrol : EnrolmentAction::kAwaitApproval, {}};
}

std::string ChooseSatelliteName(std::string_view wanted, std::string_view site,
                                const std::function<bool(const std::string&)>& taken) {
  const bool usable = ValidateName(wanted).ok();
  if (usable && !taken(std::string(wanted))) return std::string(wanted);
  // Room for a hyphen and five digits.
  const std::string stem = CutTo(usable ? wanted : site, limits::kLabelValueLength - 6);
  for (int number = 1;; ++number) {
    const std::string name = absl::StrCat(stem, "-", number);
    if (!taken(name)) return name;
  }
}

std::string EnrolmentRequestName(std::string_view prefix, std::string_view token_uid,
                                 std::string_view key_sha256_hex) {
  const std::string digest = Sha256Hex(absl::StrCat(ToAbsl(token_uid), "/", ToAbsl(key_sha256_hex)));
  return absl::StrCat(CutTo(prefix, limits::kLabelValueLength - 17), "-", digest.substr(0, 16));
}

std::string GroupFingerprint(std::string_view hex) {
  std::string result;
  for (size_t at = 0; at < hex.size(); at += 4) {
    if (at > 0) result += '-';
    result.append(hex.substr(at, 4));
  }
  return result;
}

absl::StatusOr<RecoveryPolicy> ParseRecoveryPolicy(std::string_view text) {
  if (text == "auto") return RecoveryPolicy::kAuto;
  if (text == "approve") return RecoveryPolicy::kApprove;
  if (text == "refuse") return RecoveryPolicy::kRefuse;
  return absl::InvalidArgumentError(
      absl::StrCat("recovery policy \"", ToAbsl(text), "\" is none of auto, approve, refuse"));
}

absl::Status QuarantinedGetsNothing(const v1::Satellite& satellite) {
  const ReasonInfo* info = FindReason(reason::kQuarantined);
  return absl::PermissionDeniedError(
      absl::StrCat("satellite ", satellite.metadata().name(), " gets no certificate (",
                   ToAbsl(reason::kQuarantined), "): ", ToAbsl(info->meaning), " ", ToAbsl(info->next_step)));
}

absl::Status DecideRecovery(const RecoveryInput& input, absl::Time now) {
  if (input.satellite == nullptr || input.satellite->metadata().has_deleting_since()) {
    return absl::PermissionDeniedError(
        "this satellite's identity no longer exists here; enrol the host again with a new token");
  }
  const std::string& name = input.satellite->metadata().name();
  if (input.satellite->operations().revoked().active()) {
    return absl::PermissionDeniedError(
        absl::StrCat("satellite ", name, " was revoked; its identity is not accepted any more"));
  }
  if (input.satellite->operations().quarantined().active()) return QuarantinedGetsNothing(*input.satellite);
  if (input.policy == RecoveryPolicy::kRefuse) {
    return absl::PermissionDeniedError(absl::StrCat(
        "recovery of expired satellites is switched off (--recovery refuse); enrol ", name, " again"));
  }
  if (now - input.not_after > input.age_limit) {
    return absl::PermissionDeniedError(absl::StrCat(
        "the certificate of satellite ", name, " ended at ",
        absl::FormatTime(absl::RFC3339_sec, input.not_after, absl::UTCTimeZone()), ", longer ago than ",
        absl::ToInt64Hours(input.age_limit) / 24, " days; enrol the host again with a new token"));
  }
  return absl::OkStatus();
}

}  // namespace perigee::control
