#include "control-plane/controllers/housekeeping.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "control-plane/controllers/replica_view.h"
#include "control-plane/controllers/workload_status.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "shared/resource/reasons.h"
#include "shared/resource/registry.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kKeepTokens = absl::Hours(24);

// "<project>/<name>" of what the revisions of living assignments were made with.
struct InUse {
  std::set<std::string> configs, secrets;
};

InUse UsedByAssignments(const HouseSnapshot& snapshot) {
  std::set<std::string> revisions;
  for (const auto& object : snapshot.assignments) {
    const auto& spec = static_cast<const v1::Assignment&>(*object).spec();
    revisions.insert({spec.revision_uid(), spec.previous_revision_uid()});
  }
  InUse in_use;
  for (const auto& object : snapshot.revisions) {
    const auto& revision = static_cast<const v1::WorkloadRevision&>(*object);
    if (!revisions.contains(revision.metadata().uid())) continue;
    const std::string project = absl::StrCat(revision.metadata().project(), "/");
    for (const auto& [name, version] : revision.spec().config_versions())
      in_use.configs.insert(project + name);
    for (const auto& [name, version] : revision.spec().secret_versions())
      in_use.secrets.insert(project + name);
  }
  return in_use;
}

void RemoveReleased(const std::vector<ObjectPtr>& objects, const std::set<std::string>& in_use,
                    std::vector<PlannedChange>& changes) {
  for (const auto& object : objects) {
    const v1::ObjectMeta& meta = MetaOf(*object);
    if (!meta.has_deleting_since() || in_use.contains(absl::StrCat(meta.project(), "/", meta.name())))
      continue;
    changes.push_back({"delete", WrapObject(*object), true});
  }
}

}  // namespace

HouseSnapshot SnapshotHouse(const Model& model) {
  return {.revisions = model.List("WorkloadRevision"),
          .assignments = model.List("Assignment"),
          .configs = model.List("Config"),
          .secrets = model.List("Secret"),
          .tokens = model.List("EnrollmentToken")};
}

std::vector<PlannedChange> DecideHousekeeping(const HouseSnapshot& snapshot, absl::Time now) {
  std::vector<PlannedChange> changes;
  const InUse in_use = UsedByAssignments(snapshot);
  RemoveReleased(snapshot.configs, in_use.configs, changes);
  RemoveReleased(snapshot.secrets, in_use.secrets, changes);
  for (const auto& object : snapshot.tokens) {
    const auto& token = static_cast<const v1::EnrollmentToken&>(*object);
    if (!token.spec().has_expires_at()) continue;
    if (FromTimestamp(token.spec().expires_at()) + kKeepTokens > now) continue;
    changes.push_back({"delete", WrapObject(token), true});
  }
  return changes;
}

v1::SiteStatus StatusOfSite(const v1::Site& site, const std::vector<SatellitePtr>& satellites,
                            const std::vector<AssignmentPtr>& assignments, absl::Time now) {
  v1::SiteStatus status;
  std::set<std::string> live;
  for (const auto& satellite : satellites) {
    status.set_satellites(status.satellites() + 1);
    if (!IsLive(satellite.get())) continue;
    live.insert(satellite->metadata().uid());
    status.set_satellites_live(status.satellites_live() + 1);
  }
  for (const auto& assignment : assignments) {
    status.set_replicas(status.replicas() + 1);
    if (IsReady(*assignment) && live.contains(assignment->spec().satellite_uid())) {
      status.set_replicas_ready(status.replicas_ready() + 1);
    }
  }
  const bool all = status.satellites_live() == status.satellites();
  v1::Condition contact =
      status.satellites() == 0
          ? MakeCondition("Live", false, reason::kNoSatellite, "No satellite is enrolled at this site.")
          : MakeCondition("Live", all, all ? reason::kLive : reason::kStale,
                          absl::StrCat(status.satellites_live(), " of ", status.satellites(),
                                       " satellites are in contact."));
  SetCondition(site.status().conditions(), std::move(contact), now, *status.mutable_conditions());
  return status;
}

}  // namespace perigee::control
