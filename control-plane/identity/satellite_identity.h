// The life of a satellite's identity after enrolment: renewal, recovery, revocation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "control-plane/access/caller.h"
#include "control-plane/identity/context.h"
#include "control-plane/identity/enrolment_decision.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "proto/perigee/v1/satellite.pb.h"

namespace perigee::control {

// Thread-safe.
class SatelliteIdentity {
 public:
  struct Config {
    RecoveryPolicy recovery = RecoveryPolicy::kAuto;
    absl::Duration recovery_age_limit = absl::Hours(24 * 90);
  };
  SatelliteIdentity(IdentityContext context, Config config);

  // For the satellite `uid`, as its present certificate says. PERMISSION_DENIED when revoked.
  absl::StatusOr<v1::RenewResponse> Renew(std::string_view uid, const v1::RenewRequest& request);

  // A nonce for one Recover within five minutes: a RecoverRequest with nothing else set.
  v1::RecoverRequest NewRecoveryNonce();
  // An expired certificate and a signature with its key. "Pending" under the policy `approve`:
  // the satellite asks again until an operator has decided.
  absl::StatusOr<v1::EnrollResponse> Recover(const v1::RecoverRequest& request);

  // Never accepted again. Its sessions end because they watch the object; its workloads run on.
  absl::StatusOr<v1::RevokeSatelliteResponse> Revoke(const Caller& caller,
                                                     const v1::RevokeSatelliteRequest& request);

 private:
  struct Proof;
  std::string Seal(std::string_view payload) const;
  bool IsFresh(const std::string& nonce) const;
  absl::Status UseUp(const std::string& nonce);
  absl::StatusOr<Proof> CheckProof(const v1::RecoverRequest& request);
  absl::StatusOr<v1::EnrollResponse> RecoverOnce(const v1::RecoverRequest& request, const Proof& proof);
  absl::StatusOr<v1::EnrollResponse> AskForApproval(v1::EnrollmentRequest wanted);
  absl::Status RevokeOnce(const Caller& caller, const v1::RevokeSatelliteRequest& request);

  const IdentityContext context_;
  const Config config_;
  // Nonces are not kept when they are given out, which anybody may ask for, but sealed; kept are those used.
  const std::string nonce_key_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, int64_t> used_
      ABSL_GUARDED_BY(mutex_);  // to the second (since boot) it ends
};

}  // namespace perigee::control
