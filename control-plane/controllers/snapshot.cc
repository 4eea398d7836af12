#include "control-plane/controllers/snapshot.h"

#include <algorithm>

#include "control-plane/controllers/entry_cache.h"
#include "shared/base/status.h"
#include "shared/resource/defaults.h"
#include "shared/resource/selector.h"

namespace perigee::control {
namespace {

template <typename T>
std::shared_ptr<const T> As(const ObjectPtr& object) {
  return std::dynamic_pointer_cast<const T>(object);
}

template <typename T>
std::vector<std::shared_ptr<const T>> AllAs(const std::vector<ObjectPtr>& objects) {
  std::vector<std::shared_ptr<const T>> all;
  all.reserve(objects.size());
  for (const auto& object : objects) all.push_back(As<T>(object));
  return all;
}

template <typename T>
std::map<std::string, std::shared_ptr<const T>> ByName(const std::vector<ObjectPtr>& objects) {
  std::map<std::string, std::shared_ptr<const T>> by_name;
  for (const auto& object : objects) {
    auto typed = As<T>(object);
    if (!typed->metadata().has_deleting_since()) by_name[typed->metadata().name()] = std::move(typed);
  }
  return by_name;
}

std::vector<RevisionPtr> RevisionsOf(const Model& model, const v1::Workload& workload) {
  std::vector<RevisionPtr> revisions;
  for (auto& revision :
       AllAs<v1::WorkloadRevision>(model.List("WorkloadRevision", workload.metadata().project()))) {
    if (revision->spec().workload_uid() == workload.metadata().uid())
      revisions.push_back(std::move(revision));
  }
  std::sort(revisions.begin(), revisions.end(),
            [](const auto& a, const auto& b) { return a->spec().number() < b->spec().number(); });
  return revisions;
}

// Satellites of the sites that may be chosen, those that have a replica, and what is on all of them.
void AddHosts(const Model& model, WorkloadSnapshot& snapshot) {
  for (const auto& [uid, site] : snapshot.sites) {
    if (!Matches(snapshot.workload->spec().placement().sites(), site->metadata().labels())) continue;
    for (auto& satellite : AllAs<v1::Satellite>(model.SatellitesOfSite(uid))) {
      snapshot.satellites[satellite->metadata().uid()] = std::move(satellite);
    }
  }
  for (const auto& assignment : snapshot.assignments) {
    const std::string& uid = assignment->spec().satellite_uid();
    if (snapshot.satellites.contains(uid)) continue;
    if (auto satellite = As<v1::Satellite>(model.GetByUid("Satellite", uid)))
      snapshot.satellites[uid] = std::move(satellite);
  }
  for (const auto& [uid, satellite] : snapshot.satellites) {
    for (auto& assignment : AllAs<v1::Assignment>(model.AssignmentsOfSatellite(uid))) {
      snapshot.placed.push_back(std::move(assignment));
    }
  }
  // On a satellite that is no more: still the workload's.
  for (const auto& assignment : snapshot.assignments) {
    if (!snapshot.satellites.contains(assignment->spec().satellite_uid()))
      snapshot.placed.push_back(assignment);
  }
}

absl::Status AddStored(EntryCache& entries, WorkloadSnapshot& snapshot) {
  for (const auto& assignment : snapshot.assignments) {
    PERIGEE_ASSIGN_OR_RETURN(const EntryCache::Stored* stored,
                             entries.Of(assignment->spec().satellite_uid()));
    StoredReplica replica;
    if (auto it = stored->entries.find(ReplicaKey(assignment->metadata().uid()));
        it != stored->entries.end()) {
      replica.source = it->second.source;
      replica.sha256 = it->second.sha256;
    }
    const std::string& permit = assignment->spec().permit_id();
    replica.permit_stored = !permit.empty() && stored->entries.contains(PermitKey(permit));
    replica.problem = entries.ProblemOf(assignment->spec().satellite_uid(), assignment->metadata().uid());
    snapshot.stored[assignment->metadata().uid()] = std::move(replica);
  }
  return absl::OkStatus();
}

}  // namespace

WorkloadSnapshot SnapshotForRevision(const Model& model, std::string_view uid) {
  WorkloadSnapshot snapshot;
  snapshot.revision = model.revision();
  snapshot.workload = As<v1::Workload>(model.GetByUid("Workload", uid));
  if (snapshot.workload == nullptr) return snapshot;
  const std::string& project = snapshot.workload->metadata().project();
  snapshot.revisions = RevisionsOf(model, *snapshot.workload);
  snapshot.assignments = AllAs<v1::Assignment>(model.AssignmentsOfWorkload(uid));
  snapshot.configs = ByName<v1::Config>(model.List("Config", project));
  snapshot.secrets = ByName<v1::Secret>(model.List("Secret", project));
  return snapshot;
}

absl::StatusOr<WorkloadSnapshot> SnapshotWorkload(const Model& model, EntryCache& entries,
                                                  std::string_view uid) {
  WorkloadSnapshot snapshot = SnapshotForRevision(model, uid);
  if (snapshot.workload == nullptr) return snapshot;
  const std::string& project = snapshot.workload->metadata().project();
  snapshot.project = As<v1::Project>(model.Get("Project", "", project));
  for (auto& site : AllAs<v1::Site>(model.List("Site")))
    snapshot.sites[site->metadata().uid()] = std::move(site);
  AddHosts(model, snapshot);
  PERIGEE_RETURN_IF_ERROR(AddStored(entries, snapshot));
  return snapshot;
}

SatelliteSnapshot SnapshotSatellite(const Model& model, std::string_view uid) {
  SatelliteSnapshot snapshot;
  snapshot.satellite_uid = std::string(uid);
  snapshot.satellite = As<v1::Satellite>(model.GetByUid("Satellite", uid));
  if (snapshot.satellite == nullptr) return snapshot;
  snapshot.site = As<v1::Site>(model.GetByUid("Site", snapshot.satellite->spec().site_uid()));
  snapshot.assignments = AllAs<v1::Assignment>(model.AssignmentsOfSatellite(uid));
  for (const auto& assignment : snapshot.assignments) {
    const auto& spec = assignment->spec();
    if (auto revision = As<v1::WorkloadRevision>(model.GetByUid("WorkloadRevision", spec.revision_uid()))) {
      snapshot.revisions[spec.revision_uid()] = std::move(revision);
    }
    if (auto workload = As<v1::Workload>(model.GetByUid("Workload", spec.workload_uid()))) {
      v1::WorkloadSpec defaulted = workload->spec();
      ApplyDefaults(defaulted);
      snapshot.workload_kinds[spec.workload_uid()] = defaulted.kind();
    }
    const std::string& project = assignment->metadata().project();
    if (snapshot.configs.contains(project)) continue;
    snapshot.configs[project] = ByName<v1::Config>(model.List("Config", project));
    snapshot.secrets[project] = ByName<v1::Secret>(model.List("Secret", project));
  }
  return snapshot;
}

}  // namespace perigee::control
