#include "control-plane/controllers/passes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/controllers/decide_entries.h"
#include "control-plane/controllers/housekeeping.h"
#include "control-plane/controllers/snapshot.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"
#include "shared/resource/replica_state.h"
#include "shared/resource/text.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kModelPatience = absl::Seconds(30);
constexpr size_t kPlansTogether = 64;  // satellites decided before they are committed

absl::Status PutEvents(const ControllerParts& parts, std::vector<v1::Event> events) {
  for (size_t first = 0; first < events.size(); first += limits::kEventBatch) {
    const size_t last = std::min<size_t>(events.size(), first + limits::kEventBatch);
    PERIGEE_RETURN_IF_ERROR(parts.observation.PutEvents(
        {std::make_move_iterator(events.begin() + first), std::make_move_iterator(events.begin() + last)}));
  }
  return absl::OkStatus();
}

bool RemovesWorkload(const WorkloadPlan& plan) {
  for (const auto& change : plan.changes) {
    if (change.remove && change.object.has_workload()) return true;
  }
  return false;
}

// A replica that was never delivered has nobody else to say what it waits for.
absl::Status SayProblems(const ControllerParts& parts, const SatelliteSnapshot& snapshot,
                         const EntryCache::Stored& stored, const EntriesPlan& plan) {
  for (const auto& assignment : snapshot.assignments) {
    const std::string& uid = assignment->metadata().uid();
    const auto problem = plan.problems.find(uid);
    if (problem == plan.problems.end() || stored.entries.contains(ReplicaKey(uid))) continue;
    v1::AssignmentStatus status = assignment->status();
    const std::string message(ToStd(problem->second.message()));
    const std::string why(ReasonOfProblem(problem->second));
    if (status.reason() == why && status.message() == message) continue;
    status.set_state(std::string(ReplicaStateName(ReplicaState::kPending)));
    status.set_reason(why);
    status.set_message(message);
    *status.mutable_since() = ToTimestamp(parts.clock.Now());
    PERIGEE_RETURN_IF_ERROR(parts.observation.PutStatus("Assignment", uid, status));
  }
  return absl::OkStatus();
}

// A replica that runs on while its new entry cannot be made: its workload says so.
void NoteProblems(const SatelliteSnapshot& snapshot, const EntriesPlan& plan, EntryCache& entries,
                  std::set<std::string>& workloads) {
  const std::vector<std::string> changed = entries.SetProblems(snapshot.satellite_uid, plan.problems);
  for (const auto& assignment : snapshot.assignments) {
    if (std::find(changed.begin(), changed.end(), assignment->metadata().uid()) != changed.end())
      workloads.insert(assignment->spec().workload_uid());
  }
}

// A satellite that is no more, or the plan for one that is.
absl::Status PlanEntries(const ControllerParts& parts, EntryCache& entries, const std::string& uid,
                         EntryCache::Plans& plans, std::set<std::string>& workloads) {
  const SatelliteSnapshot snapshot = SnapshotSatellite(parts.model, uid);
  if (snapshot.satellite == nullptr) return entries.Drop(uid);
  PERIGEE_ASSIGN_OR_RETURN(const EntryCache::Stored* stored, entries.Of(uid));
  EntriesPlan plan =
      DecideEntries(snapshot, stored->entries, stored->sequence, parts.sealer, parts.clock.Now());
  NoteProblems(snapshot, plan, entries, workloads);
  const absl::Status said = SayProblems(parts, snapshot, *stored, plan);
  if (plan.changes()) plans.emplace_back(uid, std::move(plan));
  return said;
}

absl::Status CommitPlans(EntryCache& entries, EntryCache::Plans& plans, std::set<std::string>& again) {
  absl::Status first_error;
  for (const auto& [uid, status] : entries.Commit(plans)) {
    again.insert(uid);
    first_error.Update(status);
  }
  plans.clear();
  return first_error;
}

}  // namespace

absl::Status CommitChanges(const ControllerParts& parts, const std::vector<PlannedChange>& changes) {
  int64_t revision = 0;
  for (size_t first = 0; first < changes.size(); first += limits::kTransactionKeys) {
    std::vector<Intent::Change> batch;
    for (size_t i = first; i < changes.size() && batch.size() < limits::kTransactionKeys; ++i) {
      batch.push_back({changes[i].verb, changes[i].object, changes[i].remove});
    }
    PERIGEE_FAILPOINT("controllers.intent.before_commit");
    PERIGEE_ASSIGN_OR_RETURN(revision, parts.intent.Commit(SystemCaller("controllers"), std::move(batch)));
    PERIGEE_FAILPOINT("controllers.intent.after_commit");
  }
  return revision == 0 ? absl::OkStatus() : parts.model.WaitFor(revision, kModelPatience);
}

absl::Status RunWorkloadPass(const ControllerParts& parts, EntryCache& entries, const std::string& uid,
                             std::set<std::string>& satellites) {
  PERIGEE_ASSIGN_OR_RETURN(const WorkloadSnapshot snapshot, SnapshotWorkload(parts.model, entries, uid));
  if (snapshot.workload == nullptr) return absl::OkStatus();
  WorkloadPlan plan = DecideWorkload(snapshot, parts.clock.Now());
  satellites.insert(plan.satellites.begin(), plan.satellites.end());
  PERIGEE_RETURN_IF_ERROR(Annotate(CommitChanges(parts, plan.changes),
                                   absl::StrCat("workload ", snapshot.workload->metadata().name())));
  if (RemovesWorkload(plan)) return absl::OkStatus();
  if (CanonicalBytes(plan.status) != CanonicalBytes(snapshot.workload->status())) {
    PERIGEE_RETURN_IF_ERROR(parts.observation.PutStatus("Workload", uid, plan.status));
  }
  return PutEvents(parts, std::move(plan.events));
}

absl::Status RunEntryPass(const ControllerParts& parts, EntryCache& entries,
                          const std::set<std::string>& satellites, std::set<std::string>& again,
                          std::set<std::string>& workloads) {
  absl::Status first_error;
  EntryCache::Plans plans;
  for (const std::string& uid : satellites) {
    const absl::Status planned = PlanEntries(parts, entries, uid, plans, workloads);
    if (!planned.ok() || (!plans.empty() && plans.back().first == uid && plans.back().second.more)) {
      again.insert(uid);
    }
    first_error.Update(planned);
    if (plans.size() >= kPlansTogether) first_error.Update(CommitPlans(entries, plans, again));
  }
  first_error.Update(CommitPlans(entries, plans, again));
  return first_error;
}

absl::Status RunSitePass(const ControllerParts& parts, const std::set<std::string>& sites) {
  for (const std::string& uid : sites) {
    const auto site = std::dynamic_pointer_cast<const v1::Site>(parts.model.GetByUid("Site", uid));
    if (site == nullptr) continue;
    std::vector<SatellitePtr> satellites;
    std::vector<AssignmentPtr> assignments;
    for (const auto& object : parts.model.SatellitesOfSite(uid)) {
      satellites.push_back(std::dynamic_pointer_cast<const v1::Satellite>(object));
      for (const auto& on_it : parts.model.AssignmentsOfSatellite(satellites.back()->metadata().uid())) {
        assignments.push_back(std::dynamic_pointer_cast<const v1::Assignment>(on_it));
      }
    }
    const v1::SiteStatus status = StatusOfSite(*site, satellites, assignments, parts.clock.Now());
    if (CanonicalBytes(status) == CanonicalBytes(site->status())) continue;
    PERIGEE_RETURN_IF_ERROR(parts.observation.PutStatus("Site", uid, status));
  }
  return absl::OkStatus();
}

absl::Status RunHousekeepingPass(const ControllerParts& parts) {
  return CommitChanges(parts, DecideHousekeeping(SnapshotHouse(parts.model), parts.clock.Now()));
}

}  // namespace perigee::control
