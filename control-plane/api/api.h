// The API for people and programs, as functions without a transport: gRPC today, REST later, call these. Each one
// authorizes its caller by the table first. Invariants: a field that the schema marks (secret) is in no answer; a read
// sees the caller's own writes; freshness is of this moment.
//
//   Api api(parts);
//   auto response = api.Get(caller, request);
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control-plane/access/authorization.h"
#include "control-plane/access/deny_list.h"
#include "control-plane/admission/intent.h"
#include "control-plane/admission/observation.h"
#include "control-plane/api/watch_stream.h"
#include "control-plane/identity/enrolment.h"
#include "control-plane/identity/satellite_identity.h"
#include "control-plane/sessions/freshness.h"
#include "control-plane/watch/model.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "shared/base/clock.h"
#include "shared/resource/registry.h"

namespace perigee::control {

// Thread-safe. Calls may block for a commit or for the model.
class Api {
 public:
  struct Parts {  // all outlive it
    Store& store;
    Model& model;
    Intent& intent;
    Observation& observation;
    Enrolment& enrolment;
    SatelliteIdentity& satellites;
    DenyList& deny_list;
    const FreshnessBook& freshness;
    const Clock& clock;
    const AuthorizationTable& table = AuthorizationTable::BuiltIn();
  };
  explicit Api(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] absl::StatusOr<v1::WhoamiResponse> Whoami(const Caller& caller,
                                                          absl::Time certificate_not_after);
  [[nodiscard]] absl::StatusOr<v1::GetResponse> Get(const Caller& caller, const v1::GetRequest& request);
  [[nodiscard]] absl::StatusOr<v1::ListResponse> List(const Caller& caller, const v1::ListRequest& request);
  [[nodiscard]] absl::StatusOr<std::unique_ptr<WatchStream>> Watch(const Caller& caller,
                                                                   const v1::WatchRequest& request);
  [[nodiscard]] absl::StatusOr<v1::ApplyResponse> Apply(const Caller& caller,
                                                        const v1::ApplyRequest& request);
  [[nodiscard]] absl::StatusOr<v1::DeleteResponse> Delete(const Caller& caller,
                                                          const v1::DeleteRequest& request);
  [[nodiscard]] absl::StatusOr<v1::ExplainResponse> Explain(const Caller& caller,
                                                            const v1::ExplainRequest& request);
  [[nodiscard]] absl::StatusOr<v1::CreateEnrollmentTokenResponse> CreateEnrollmentToken(
      const Caller& caller, const v1::CreateEnrollmentTokenRequest& request);
  [[nodiscard]] absl::StatusOr<v1::DecideEnrollmentResponse> DecideEnrollment(
      const Caller& caller, const v1::DecideEnrollmentRequest& request);
  [[nodiscard]] absl::StatusOr<v1::RevokeSatelliteResponse> RevokeSatellite(
      const Caller& caller, const v1::RevokeSatelliteRequest& request);

  // What a user's certificate of that name may do here; empty when there is no such user or it is disabled.
  std::vector<std::string> RolesOfUser(const std::string& name) const;

 private:
  absl::Status Authorize(const Caller& caller, std::string_view method) const;
  absl::StatusOr<ObjectPtr> Find(const std::string& kind, const std::string& project,
                                 const std::string& name) const;
  absl::StatusOr<ObjectPtr> FindObject(const KindInfo& kind, const std::string& project,
                                       const std::string& name) const;
  absl::StatusOr<ObjectPtr> FindEvent(const std::string& name) const;
  absl::StatusOr<ObjectPtr> FindAuditRecord(const std::string& name) const;
  absl::StatusOr<v1::ListResponse> ListEvents(const v1::ListRequest& request) const;
  absl::StatusOr<v1::ListResponse> ListAuditRecords(const v1::ListRequest& request) const;
  // So that what the caller reads next has it.
  absl::Status Seen(int64_t revision) const;
  v1::Resource Shown(const google::protobuf::Message& object) const;

  const Parts parts_;
};

}  // namespace perigee::control
