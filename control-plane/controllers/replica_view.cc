#include "control-plane/controllers/replica_view.h"

#include <algorithm>

#include "control-plane/controllers/decide_entries.h"
#include "control-plane/controllers/lost.h"
#include "shared/base/random.h"
#include "shared/base/string_views.h"
#include "shared/resource/reasons.h"

namespace perigee::control {
namespace {

template <typename Ptr>
std::map<std::string, typename Ptr::element_type*> Raw(const std::map<std::string, Ptr>& objects) {
  std::map<std::string, typename Ptr::element_type*> raw;
  for (const auto& [name, object] : objects) raw[name] = object.get();
  return raw;
}

const v1::Satellite* SatelliteOf(const v1::Assignment& assignment, const WorkloadSnapshot& snapshot) {
  const auto it = snapshot.satellites.find(assignment.spec().satellite_uid());
  return it == snapshot.satellites.end() ? nullptr : it->second.get();
}

void SetReported(const v1::Assignment& assignment, const StoredReplica& stored, RolloutReplica& replica) {
  const v1::AssignmentStatus& status = assignment.status();
  replica.ready = IsReady(assignment);
  replica.gone = status.gone();
  replica.permit_id = assignment.spec().permit_id();
  if (replica.permit_id.empty()) return;
  // The site says that the permit is used up; or it runs, Ready, exactly what the permit allows.
  const bool arrived = stored.permit_stored && !replica.leaving && replica.live && replica.ready &&
                       !stored.sha256.empty() && status.entry_sha256() == HexEncode(stored.sha256);
  replica.permit_closed = status.closed_permit_id() == replica.permit_id || arrived;
}

}  // namespace

bool IsLive(const v1::Satellite* satellite) {
  return satellite != nullptr && satellite->status().freshness().state() == "live";
}

bool IsReady(const v1::Assignment& assignment) {
  return assignment.status().state() == "Ready";
}

namespace {

// Whether what is stored is what is wanted now, or will be after the next entries pass.
void SetCurrent(const WorkloadSnapshot& snapshot, const RevisionPtr& wanted, const StoredReplica& stored,
                ReplicaView& view) {
  const v1::Assignment& assignment = *view.assignment;
  RolloutReplica& replica = view.rollout;
  const bool aims_at_it = assignment.spec().revision_uid() == wanted->metadata().uid();
  const auto site = snapshot.sites.find(assignment.spec().site_uid());
  const v1::Satellite* satellite = SatelliteOf(assignment, snapshot);
  if (site == snapshot.sites.end() || satellite == nullptr) {
    replica.current = true;  // nothing can be made for it; placement removes it
    return;
  }
  const auto sources = ResolveSources({.assignment = &assignment,
                                       .revision = wanted.get(),
                                       .workload_kind = "",
                                       .site = site->second.get(),
                                       .satellite = satellite,
                                       .configs = Raw(snapshot.configs),
                                       .secrets = Raw(snapshot.secrets)});
  if (!sources.ok()) {
    replica.can_update = false;
    const bool no_value = sources.status().code() == absl::StatusCode::kNotFound;
    replica.current = !no_value && aims_at_it && replica.delivered;
    view.reason = std::string(no_value ? reason::kMissingSiteValue : reason::kMissingConfig);
    view.message = std::string(ToStd(sources.status().message()));
    return;
  }
  const bool on_its_way = !replica.delivered || (!replica.permit_id.empty() && !stored.permit_stored);
  replica.current = aims_at_it && (on_its_way || stored.source == sources->source);
}

}  // namespace

ReplicaView ViewOf(const AssignmentPtr& assignment, const WorkloadSnapshot& snapshot,
                   const RevisionPtr& wanted, const PlacementPlan& plan, absl::Time now) {
  const std::string& uid = assignment->metadata().uid();
  const auto found = snapshot.stored.find(uid);
  const StoredReplica stored = found == snapshot.stored.end() ? StoredReplica{} : found->second;
  const v1::Satellite* satellite = SatelliteOf(*assignment, snapshot);
  ReplicaView view{.assignment = assignment};
  RolloutReplica& replica = view.rollout;
  replica.assignment_uid = uid;
  replica.ordinal = assignment->spec().ordinal();
  replica.wanted = std::binary_search(plan.keep.begin(), plan.keep.end(), uid);
  replica.delivered = !stored.source.empty() || stored.permit_stored;
  replica.leaving = assignment->metadata().has_deleting_since();
  replica.live = IsLive(satellite);
  replica.satellite_lost = IsLost(satellite, LongestLease(snapshot), now);
  SetReported(*assignment, stored, replica);
  replica.current = true;
  if (!replica.wanted || wanted == nullptr) return view;
  SetCurrent(snapshot, wanted, stored, view);
  if (view.reason.empty() && replica.delivered && !stored.problem.ok()) {
    view.reason = std::string(ReasonOfProblem(stored.problem));
    view.message = std::string(ToStd(stored.problem.message()));
  }
  for (const Cramped& cramped : plan.cramped) {
    if (cramped.assignment_uid != uid || replica.current) continue;
    replica.can_update = false;
    view.reason = cramped.reason;
    view.message = cramped.message;
  }
  return view;
}

}  // namespace perigee::control
