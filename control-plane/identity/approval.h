// What approving a request makes: a certificate, and for a new host its Satellite.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control-plane/identity/context.h"
#include "control-plane/store/store.h"
#include "proto/perigee/v1/cloud.pb.h"

namespace perigee::control {

// On a decided request: a decision changes the object of intent, and so has its audit record.
inline constexpr char kDecisionAnnotation[] = "perigee.dev/decision";

struct Approval {
  v1::EnrollmentRequest request;           // as it shall be
  std::optional<v1::Satellite> satellite;  // to create; none for a recovery
  std::vector<Compare> compares;           // what was read
};

// `request` is pending; its status.satellite_uid is set for a recovery. Changes nothing by itself.
// PERMISSION_DENIED when the satellite was revoked in the meantime.
[[nodiscard]] absl::StatusOr<Approval> Approve(const IdentityContext& context, v1::EnrollmentRequest request,
                                               const std::string& decided_by, const std::string& reason);

// PERMISSION_DENIED when the satellite that this request made was revoked or deleted since.
[[nodiscard]] absl::Status CheckNotRevoked(const IdentityContext& context,
                                           const v1::EnrollmentRequest& request);

}  // namespace perigee::control
