// What happens to a host that asks to come in: pure, from what is stored, what
// was asked, and a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/perigee/v1/cloud.pb.h"

namespace perigee::control {

// "pgt_<name>_<secret>". INVALID_ARGUMENT for anything else, without repeating it.
struct EnrolmentTokenText {
  std::string name;
  std::string secret;
};
absl::StatusOr<EnrolmentTokenText> ParseEnrolmentToken(std::string_view text);
std::string FormatEnrolmentToken(const EnrolmentTokenText& token);

struct EnrolmentInput {
  const v1::EnrollmentToken* token = nullptr;  // status merged in; null: no token of that name
  std::string_view presented_secret;
  const v1::EnrollmentRequest* existing = nullptr;  // made before by the same token for the same key
};

enum class EnrolmentAction {
  kRefuse,
  kReturnExisting,  // a retry: the same request again
  kAwaitApproval,   // use the token, make a pending request
  kEnrol,           // use the token, make an approved request and the satellite
};

struct EnrolmentDecision {
  EnrolmentAction action = EnrolmentAction::kRefuse;
  // Why it is refused. UNAUTHENTICATED says no more than that the token is not
  // valid; a holder of the right secret is told what is wrong with it.
  absl::Status refusal;
};

EnrolmentDecision DecideEnrolment(const EnrolmentInput& input, absl::Time now);

// The wanted name where it is a label and free, else <wanted or site>-1, -2, ...
std::string ChooseSatelliteName(std::string_view wanted, std::string_view site,
                                const std::function<bool(const std::string&)>& taken);

// Name of the request that a token makes for a key: the same at every retry.
std::string EnrolmentRequestName(std::string_view prefix, std::string_view token_uid,
                                 std::string_view key_sha256_hex);

// "ab12-cd34-...", for reading aloud.
std::string GroupFingerprint(std::string_view hex);

enum class RecoveryPolicy { kAuto, kApprove, kRefuse };
absl::StatusOr<RecoveryPolicy> ParseRecoveryPolicy(std::string_view text);  // auto, approve, refuse

struct RecoveryInput {
  RecoveryPolicy policy = RecoveryPolicy::kAuto;
  absl::Duration age_limit = absl::Hours(24 * 90);  // counted from the certificate's end
  const v1::Satellite* satellite = nullptr;         // null: no such identity
  absl::Time not_after;
};
// Why a quarantined satellite gets no certificate: two hosts may hold its key. PERMISSION_DENIED.
absl::Status QuarantinedGetsNothing(const v1::Satellite& satellite);

// OK: a certificate at once, or after approval (policy kApprove).
absl::Status DecideRecovery(const RecoveryInput& input, absl::Time now);

}  // namespace perigee::control
