// Verbs. Reading is in read.cc.
#include "control-plane/api/api.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/admission/strip_secrets.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/resource/registry.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kModelCatchesUp = absl::Seconds(5);

}  // namespace

absl::Status Api::Authorize(const Caller& caller, std::string_view method) const {
  PERIGEE_RETURN_IF_ERROR(parts_.deny_list.Check(caller));
  return parts_.table.Authorize(caller, absl::StrCat("/perigee.v1.CloudService/", ToAbsl(method)));
}

absl::Status Api::Seen(int64_t revision) const {
  // What was committed is committed: a model that lags must not turn that into an error.
  const absl::Status waited = parts_.model.WaitFor(revision, kModelCatchesUp);
  return absl::IsCancelled(waited) ? waited : absl::OkStatus();
}

v1::Resource Api::Shown(const google::protobuf::Message& object) const {
  v1::Resource resource = WrapObject(object);
  google::protobuf::Message& shown = MutableObject(resource, KindOf(object));
  StripSecrets(shown);
  parts_.freshness.AddTo(shown);
  return resource;
}

std::vector<std::string> Api::RolesOfUser(const std::string& name) const {
  // Roles and their bindings are kinds of a later release; until then there is the one user of the first start.
  if (name != "admin") return {};
  const ObjectPtr user = parts_.model.Get("User", "", name);
  if (user == nullptr || static_cast<const v1::User&>(*user).spec().disabled()) return {};
  return {std::string(role::kAdmin)};
}

absl::StatusOr<v1::WhoamiResponse> Api::Whoami(const Caller& caller, absl::Time certificate_not_after) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "Whoami"));
  v1::WhoamiResponse response;
  response.set_subject(caller.subject);
  for (const std::string& role : caller.roles) response.add_roles(role);
  *response.mutable_not_after() = ToTimestamp(certificate_not_after);
  response.set_server_version(PERIGEE_VERSION);
  return response;
}

absl::StatusOr<v1::ApplyResponse> Api::Apply(const Caller& caller, const v1::ApplyRequest& request) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "Apply"));
  PERIGEE_ASSIGN_OR_RETURN(v1::ApplyResponse response, parts_.intent.Apply(caller, request));
  if (!request.dry_run() && response.errors().empty()) PERIGEE_RETURN_IF_ERROR(Seen(response.revision()));
  for (v1::ApplyResponse::Result& result : *response.mutable_results()) {
    if (result.has_resource()) StripSecrets(*result.mutable_resource());
  }
  return response;
}

absl::StatusOr<v1::DeleteResponse> Api::Delete(const Caller& caller, const v1::DeleteRequest& request) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "Delete"));
  PERIGEE_ASSIGN_OR_RETURN(v1::DeleteResponse response, parts_.intent.Delete(caller, request));
  PERIGEE_RETURN_IF_ERROR(Seen(parts_.store.Revision()));
  return response;
}

absl::StatusOr<v1::CreateEnrollmentTokenResponse> Api::CreateEnrollmentToken(
    const Caller& caller, const v1::CreateEnrollmentTokenRequest& request) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "CreateEnrollmentToken"));
  PERIGEE_ASSIGN_OR_RETURN(v1::CreateEnrollmentTokenResponse response,
                           parts_.enrolment.CreateToken(caller, request));
  StripSecrets(*response.mutable_resource());
  PERIGEE_RETURN_IF_ERROR(Seen(parts_.store.Revision()));
  return response;
}

absl::StatusOr<v1::DecideEnrollmentResponse> Api::DecideEnrollment(
    const Caller& caller, const v1::DecideEnrollmentRequest& request) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "DecideEnrollment"));
  PERIGEE_ASSIGN_OR_RETURN(v1::DecideEnrollmentResponse response, parts_.enrolment.Decide(caller, request));
  StripSecrets(*response.mutable_resource());
  PERIGEE_RETURN_IF_ERROR(Seen(parts_.store.Revision()));
  return response;
}

absl::StatusOr<v1::RevokeSatelliteResponse> Api::RevokeSatellite(const Caller& caller,
                                                                 const v1::RevokeSatelliteRequest& request) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "RevokeSatellite"));
  PERIGEE_ASSIGN_OR_RETURN(v1::RevokeSatelliteResponse response, parts_.satellites.Revoke(caller, request));
  // At once, not only when the model has told the sessions.
  if (response.resource().has_satellite())
    parts_.deny_list.Add(response.resource().satellite().metadata().uid());
  StripSecrets(*response.mutable_resource());
  PERIGEE_RETURN_IF_ERROR(Seen(parts_.store.Revision()));
  return response;
}

}  // namespace perigee::control
