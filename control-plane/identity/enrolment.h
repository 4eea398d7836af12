// Hosts come in: a token, a certificate request, approval by an operator or by the token.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "control-plane/access/caller.h"
#include "control-plane/identity/context.h"
#include "control-plane/identity/failure_limiter.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "proto/perigee/v1/satellite.pb.h"

namespace perigee::control {

// Thread-safe.
class Enrolment {
 public:
  explicit Enrolment(IdentityContext context);

  // For operators; authorization is the caller's (api). The token is in the answer and nowhere else.
  absl::StatusOr<v1::CreateEnrollmentTokenResponse> CreateToken(
      const Caller& caller, const v1::CreateEnrollmentTokenRequest& request);
  // Approves or denies a pending request of a host, for enrolment or for recovery. The
  // same decision again is OK; the other one is FAILED_PRECONDITION.
  absl::StatusOr<v1::DecideEnrollmentResponse> Decide(const Caller& caller,
                                                      const v1::DecideEnrollmentRequest& request);

  // For hosts. `address` is the peer's, for counting failures only. A retry with the
  // same token and key gets the same request.
  absl::StatusOr<v1::EnrollResponse> Enrol(const v1::EnrollRequest& request, std::string_view address);
  absl::StatusOr<v1::EnrollResponse> Poll(const v1::EnrollPollRequest& request, std::string_view address);

 private:
  struct Applicant;
  struct Stored;
  absl::StatusOr<Applicant> Examine(const v1::EnrollRequest& request) const;
  absl::StatusOr<Stored> Read(const Applicant& applicant) const;
  absl::StatusOr<v1::EnrollResponse> Admit(const Applicant& applicant, const Stored& stored, bool approved)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::EnrollResponse> ReturnExisting(const Applicant& applicant, const Stored& stored)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::EnrollResponse> EnrolOnce(const Applicant& applicant, std::string_view address)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Refuse(const absl::Status& refusal, std::string_view address);
  absl::Status DecideOnce(const Caller& caller, const v1::DecideEnrollmentRequest& request);

  const IdentityContext context_;
  FailureLimiter failures_;
  // One enrolment at a time: what is compared in the store then rarely loses.
  absl::Mutex mutex_;
};

}  // namespace perigee::control
