#include "control-plane/sessions/reports.h"

#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "control-plane/admission/observation.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/limits.h"
#include "shared/resource/reasons.h"
#include "shared/resource/replica_state.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

constexpr size_t kWordLength = 64;
constexpr size_t kMessageLength = 2048;
constexpr int kConditions = 32;

using AssignmentPtr = std::shared_ptr<const v1::Assignment>;

AssignmentPtr AssignmentOf(const Model& model, const std::string& uid) {
  return std::static_pointer_cast<const v1::Assignment>(model.GetByUid("Assignment", uid));
}

absl::Status Foreign(const std::string& uid) {
  return absl::PermissionDeniedError(
      absl::StrCat("The satellite reported about ", uid, ", which is of another satellite."));
}

std::string Word(const std::string& text, const TextSanitizer& sanitize) {
  return sanitize(text, kWordLength);
}

v1::Condition Clean(const v1::Condition& reported, const TextSanitizer& sanitize, absl::Time now) {
  v1::Condition condition = reported;
  condition.set_type(Word(reported.type(), sanitize));
  condition.set_status(reported.status() == "True" || reported.status() == "False" ? reported.status()
                                                                                   : "Unknown");
  condition.set_reason(Word(reported.reason(), sanitize));
  condition.set_message(sanitize(reported.message(), kMessageLength));
  *condition.mutable_observed_at() = ToTimestamp(now);
  return condition;
}

v1::AssignmentStatus Clean(const v1::ReplicaStatus& replica, const TextSanitizer& sanitize, absl::Time now) {
  v1::AssignmentStatus status = replica.status();
  if (!ParseReplicaState(status.state()))
    status.set_state(std::string(ReplicaStateName(ReplicaState::kPending)));
  status.set_reason(Word(status.reason(), sanitize));
  status.set_message(sanitize(status.message(), kMessageLength));
  status.set_entry_sha256(Word(status.entry_sha256(), sanitize));
  status.set_exit(Word(status.exit(), sanitize));
  status.clear_freshness();  // a property of the session, never of what is stored
  *status.mutable_observed_at() = ToTimestamp(now);
  if (status.conditions_size() > kConditions) {
    status.mutable_conditions()->DeleteSubrange(kConditions, status.conditions_size() - kConditions);
  }
  for (v1::Condition& condition : *status.mutable_conditions()) condition = Clean(condition, sanitize, now);
  status.set_gone(replica.gone());
  status.set_closed_permit_id(Word(replica.closed_permit_id(), sanitize));
  if (replica.gone()) {
    status.set_state(std::string(ReplicaStateName(ReplicaState::kStopped)));
    if (status.reason().empty()) status.set_reason(std::string(reason::kRemoved));
  }
  return status;
}

v1::AssignmentStatus GoneStatus(const v1::Assignment& assignment, absl::Time now) {
  v1::AssignmentStatus status = assignment.status();
  status.set_state(std::string(ReplicaStateName(ReplicaState::kStopped)));
  status.set_reason(std::string(reason::kRemoved));
  status.set_message("The satellite no longer has it.");
  status.clear_freshness();
  status.clear_pid();
  status.set_gone(true);
  *status.mutable_observed_at() = ToTimestamp(now);
  return status;
}

// The object of an event, if the satellite may speak of it; else the satellite itself.
absl::Status BindObject(const Model& model, const v1::Satellite& satellite, v1::Event& event) {
  const v1::ObjectReference said = event.object();
  v1::ObjectReference& object = *event.mutable_object();
  object.Clear();
  object.set_kind("Satellite");
  object.set_name(satellite.metadata().name());
  object.set_uid(satellite.metadata().uid());
  if (said.kind() == "Satellite" && !said.uid().empty() && said.uid() != satellite.metadata().uid()) {
    return Foreign(said.uid());
  }
  if (said.kind() == "Assignment" && !said.uid().empty()) {
    const AssignmentPtr assignment = AssignmentOf(model, said.uid());
    if (assignment == nullptr) return absl::OkStatus();  // already deleted here
    if (assignment->spec().satellite_uid() != satellite.metadata().uid()) return Foreign(said.uid());
    object.set_kind("Assignment");
    object.set_project(assignment->metadata().project());
    object.set_name(assignment->metadata().name());
    object.set_uid(assignment->metadata().uid());
  } else if (said.kind() == "Workload" && !said.uid().empty()) {
    for (const ObjectPtr& held : model.AssignmentsOfSatellite(satellite.metadata().uid())) {
      const auto& assignment = static_cast<const v1::Assignment&>(*held);
      if (assignment.spec().workload_uid() != said.uid()) continue;
      object.set_kind("Workload");
      object.set_project(assignment.metadata().project());
      object.set_name(assignment.spec().workload());
      object.set_uid(said.uid());
      break;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<JudgedStatus> JudgeStatus(const Model& model, const std::string& satellite_uid,
                                         const v1::StatusDelta& status, const TextSanitizer& sanitize,
                                         absl::Time now) {
  JudgedStatus judged;
  for (const v1::ReplicaStatus& replica : status.replicas()) {
    const AssignmentPtr assignment = AssignmentOf(model, replica.assignment_uid());
    if (assignment == nullptr) {
      judged.unknown = true;
      continue;
    }
    if (assignment->spec().satellite_uid() != satellite_uid) return Foreign(replica.assignment_uid());
    judged.assignments.emplace_back(replica.assignment_uid(), Clean(replica, sanitize, now));
  }
  if (status.full()) {
    std::set<std::string> there(status.present().begin(), status.present().end());
    for (const v1::ReplicaStatus& replica : status.replicas()) there.insert(replica.assignment_uid());
    for (const ObjectPtr& held : model.AssignmentsOfSatellite(satellite_uid)) {
      const auto& assignment = static_cast<const v1::Assignment&>(*held);
      if (!assignment.metadata().has_deleting_since() || there.contains(assignment.metadata().uid()))
        continue;
      judged.assignments.emplace_back(assignment.metadata().uid(), GoneStatus(assignment, now));
    }
  }
  for (const v1::Condition& condition : status.conditions()) {
    if (judged.conditions.size() < kConditions) judged.conditions.push_back(Clean(condition, sanitize, now));
  }
  return judged;
}

absl::StatusOr<std::vector<v1::Event>> JudgeEvents(const Model& model, const std::string& satellite_uid,
                                                   const v1::EventBatch& batch,
                                                   const TextSanitizer& sanitize) {
  const auto satellite =
      std::static_pointer_cast<const v1::Satellite>(model.GetByUid("Satellite", satellite_uid));
  if (satellite == nullptr) return absl::NotFoundError("The satellite is no longer known.");
  std::vector<v1::Event> events;
  for (const v1::Event& reported : batch.events()) {
    v1::Event event = reported;
    event.set_type(reported.type() == "Warning" ? "Warning" : "Normal");
    event.set_reason(Word(reported.reason(), sanitize));
    event.set_message(sanitize(reported.message(), kMessageLength));
    event.set_boot_id(Word(reported.boot_id(), sanitize));
    event.set_site(satellite->spec().site());
    event.set_satellite(satellite->metadata().name());
    if (absl::Status bound = BindObject(model, *satellite, event); !bound.ok()) return bound;
    v1::ObjectMeta meta;
    meta.set_uid(EventUid(satellite_uid, event.boot_id(), event.sequence()));
    meta.set_name(meta.uid());
    meta.set_project(event.object().project());
    *event.mutable_metadata() = std::move(meta);
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace perigee::control
