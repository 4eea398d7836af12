#include "control-plane/identity/approval.h"

#include "absl/strings/str_cat.h"
#include "control-plane/identity/certificate_authority.h"
#include "control-plane/identity/enrolment_decision.h"
#include "control-plane/identity/lookup.h"
#include "shared/base/status.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

v1::Satellite NewSatellite(const v1::EnrollmentRequest& request, const IssuedCertificate& issued) {
  v1::Satellite satellite;
  satellite.mutable_metadata()->set_name(request.spec().satellite_name());
  satellite.mutable_metadata()->set_uid(request.status().satellite_uid());
  *satellite.mutable_metadata()->mutable_labels() = request.spec().labels();
  satellite.mutable_spec()->set_site_uid(request.spec().site_uid());
  satellite.mutable_spec()->set_site(request.spec().site());
  v1::SatelliteStatus& status = *satellite.mutable_status();
  *status.mutable_facts() = request.status().facts();
  status.mutable_freshness()->set_state("unknown");
  status.set_certificate_serial(issued.serial);
  *status.mutable_certificate_not_after() = ToTimestamp(issued.not_after);
  status.set_sealing_certificate(request.spec().sealing_certificate());
  return satellite;
}

}  // namespace

absl::Status CheckNotRevoked(const IdentityContext& context, const v1::EnrollmentRequest& request) {
  if (request.status().satellite_uid().empty()) return absl::OkStatus();
  const auto satellite =
      FindByUid<v1::Satellite>(context.model, "Satellite", request.status().satellite_uid());
  if (satellite != nullptr && !satellite->operations().revoked().active()) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("satellite ", request.spec().satellite_name(),
                   " was revoked or deleted; its identity is not accepted any more"));
}

absl::StatusOr<Approval> Approve(const IdentityContext& context, v1::EnrollmentRequest request,
                                 const std::string& decided_by, const std::string& reason) {
  Approval approval;
  const bool returning = !request.status().satellite_uid().empty();
  if (returning) {
    PERIGEE_RETURN_IF_ERROR(CheckNotRevoked(context, request));
    const auto satellite =
        FindByUid<v1::Satellite>(context.model, "Satellite", request.status().satellite_uid());
    if (satellite == nullptr) return absl::AbortedError("the satellite went away");
    approval.compares.push_back(
        {keys::Intent("Satellite", "", satellite->metadata().name()), satellite->metadata().revision()});
  } else {
    request.mutable_status()->set_satellite_uid(NewUid(context.random, context.clock.Now()));
    const auto taken = [&](const std::string& name) {
      return context.model.Get("Satellite", "", name) != nullptr;
    };
    request.mutable_spec()->set_satellite_name(
        ChooseSatelliteName(request.spec().satellite_name(), request.spec().site(), taken));
  }
  PERIGEE_ASSIGN_OR_RETURN(const IssuedCertificate issued,
                           context.authority.IssueForSatellite(request.status().satellite_uid(),
                                                               request.spec().certificate_request()));
  request.mutable_status()->set_phase("Approved");
  request.mutable_status()->set_reason(reason);
  request.mutable_status()->set_decided_by(decided_by);
  *request.mutable_status()->mutable_decided_at() = ToTimestamp(context.clock.Now());
  request.mutable_status()->set_certificate_chain(issued.chain_pem);
  if (!returning) approval.satellite = NewSatellite(request, issued);
  approval.request = std::move(request);
  return approval;
}

}  // namespace perigee::control
