#include "control-plane/controllers/workload_status.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "shared/resource/reasons.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

struct SiteCounts {
  std::string name;
  int wanted = 0, placed = 0, ready = 0, updated = 0, stale = 0;
  std::vector<v1::Condition> conditions;
};
using Sites = std::map<std::string, SiteCounts>;  // by uid

void CountReplica(const ReplicaView& view, const RevisionPtr& current, v1::WorkloadStatus& status,
                  SiteCounts& site) {
  const RolloutReplica& replica = view.rollout;
  if (!replica.wanted) return;
  status.set_replicas(status.replicas() + 1);
  ++site.placed;
  const bool updated = current != nullptr &&
                       view.assignment->spec().revision_uid() == current->metadata().uid() &&
                       replica.current && view.reason.empty() && !view.assignment->status().on_previous();
  if (updated) {
    status.set_updated(status.updated() + 1);
    ++site.updated;
  }
  if (!replica.live) {
    status.set_stale(status.stale() + 1);
    ++site.stale;
  } else if (replica.ready) {
    status.set_ready(status.ready() + 1);
    ++site.ready;
  }
  if (!view.reason.empty()) {
    site.conditions.push_back(
        MakeCondition("Updated", false, view.reason,
                      absl::StrCat("Replica ", view.assignment->metadata().name(), " on satellite ",
                                   view.assignment->spec().satellite(), ": ", view.message)));
  }
}

void AddRolloutCondition(const SiteRollout& rollout, bool paused, SiteCounts& site) {
  if (rollout.disturbed + rollout.waiting + rollout.deferred == 0) return;
  const bool only_deferred = rollout.disturbed + rollout.waiting == 0;
  const std::string_view why = paused && rollout.waiting > 0 ? reason::kRolloutPaused
                               : only_deferred               ? reason::kWaitingForContact
                                                             : reason::kProgressing;
  site.conditions.push_back(MakeCondition(
      "Progressing", !only_deferred && !paused, why,
      absl::StrCat("Being changed: ", rollout.disturbed, ", waiting for their turn: ", rollout.waiting,
                   ", waiting for contact: ", rollout.deferred,
                   ", down for other reasons: ", rollout.unavailable, ".")));
}

v1::Condition ReadyCondition(const StatusInput& input, const v1::WorkloadStatus& status, const Sites& sites) {
  if (input.snapshot.workload->metadata().has_deleting_since()) {
    return MakeCondition("Ready", false, reason::kDeleting,
                         absl::StrCat("Being deleted; ", input.snapshot.assignments.size(),
                                      " replicas have not confirmed yet."));
  }
  if (input.revision.missing.has_value()) {
    return MakeCondition("Ready", false, input.revision.missing->reason, input.revision.missing->message);
  }
  if (input.plan.sites.empty()) {
    return MakeCondition("Ready", false, reason::kNoSite,
                         "No site matches spec.placement.sites within what the project may use. Label a "
                         "site, or change the selector.");
  }
  int wanted = 0;
  for (const auto& [uid, site] : sites) {
    wanted += site.wanted;
    for (const auto& condition : site.conditions) {
      if (condition.status() == "False" && condition.type() != "Progressing") {
        return MakeCondition("Ready", false, condition.reason(),
                             absl::StrCat("Site ", site.name, ": ", condition.message()));
      }
    }
  }
  const std::string counts = absl::StrCat(status.ready(), " of ", wanted, " replicas are Ready, ",
                                          status.updated(), " at the current revision");
  if (status.ready() >= wanted && status.updated() >= wanted) {
    return MakeCondition("Ready", true, reason::kAsAsked, absl::StrCat(counts, "."));
  }
  if (input.paused) {
    return MakeCondition(
        "Ready", false, reason::kRolloutPaused,
        absl::StrCat(counts,
                     "; replacing is paused. See explain for the replica that went back, or resume."));
  }
  if (status.ready() + status.stale() >= wanted) {
    v1::Condition unknown =
        MakeCondition("Ready", false, status.stale() > 0 ? reason::kStale : reason::kProgressing,
                      absl::StrCat(counts, ", ", status.stale(), " on satellites without contact."));
    if (status.stale() > 0) unknown.set_status("Unknown");
    return unknown;
  }
  return MakeCondition("Ready", false, reason::kReplicasNotReady, absl::StrCat(counts, "."));
}

Sites CountSites(const StatusInput& input, v1::WorkloadStatus& status) {
  Sites sites;
  for (const SitePlan& plan : input.plan.sites) {
    SiteCounts& site = sites[plan.site_uid];
    site.name = plan.site;
    site.wanted = plan.wanted;
    if (!plan.reason.empty())
      site.conditions.push_back(MakeCondition("Placed", false, plan.reason, plan.message));
  }
  for (const ReplicaView& view : input.replicas) {
    SiteCounts& site = sites[view.assignment->spec().site_uid()];
    site.name = view.assignment->spec().site();
    CountReplica(view, input.revision.current, status, site);
  }
  for (const auto& [uid, rollout] : input.rollouts) AddRolloutCondition(rollout, input.paused, sites[uid]);
  return sites;
}

void WriteSites(const Sites& sites, const v1::WorkloadStatus& before, absl::Time now,
                v1::WorkloadStatus& status) {
  std::vector<const SiteCounts*> sorted;
  for (const auto& [uid, site] : sites) sorted.push_back(&site);
  std::sort(sorted.begin(), sorted.end(),
            [](const SiteCounts* a, const SiteCounts* b) { return a->name < b->name; });
  for (const SiteCounts* site : sorted) {
    v1::WorkloadStatus::SiteSummary& summary = *status.add_sites();
    summary.set_site(site->name);
    summary.set_wanted(site->wanted);
    summary.set_ready(site->ready);
    google::protobuf::RepeatedPtrField<v1::Condition> said;
    for (const auto& old : before.sites()) {
      if (old.site() == site->name) said = old.conditions();
    }
    for (const auto& condition : site->conditions)
      SetCondition(said, condition, now, *summary.mutable_conditions());
  }
}

}  // namespace

v1::Condition MakeCondition(std::string_view type, bool is_true, std::string_view why, std::string message) {
  v1::Condition condition;
  condition.set_type(std::string(type));
  condition.set_status(is_true ? "True" : "False");
  condition.set_reason(std::string(why));
  condition.set_message(std::move(message));
  return condition;
}

void SetCondition(const google::protobuf::RepeatedPtrField<v1::Condition>& before, v1::Condition condition,
                  absl::Time now, google::protobuf::RepeatedPtrField<v1::Condition>& conditions) {
  // One of each type: the first that was said, with the messages of the others after it.
  for (auto& there : conditions) {
    if (there.type() != condition.type()) continue;
    if (there.message().size() < 1024)
      there.set_message(absl::StrCat(there.message(), " ", condition.message()));
    return;
  }
  *condition.mutable_last_transition() = ToTimestamp(now);
  for (const auto& old : before) {
    if (old.type() == condition.type() && old.status() == condition.status() &&
        old.reason() == condition.reason()) {
      *condition.mutable_last_transition() = old.last_transition();
    }
  }
  *conditions.Add() = std::move(condition);
}

v1::WorkloadStatus StatusOf(const StatusInput& input, absl::Time now) {
  const v1::WorkloadStatus& before = input.snapshot.workload->status();
  v1::WorkloadStatus status;
  const Sites sites = CountSites(input, status);
  WriteSites(sites, before, now, status);
  if (input.revision.current != nullptr)
    status.set_current_revision_uid(input.revision.current->metadata().uid());
  status.set_observed_generation(input.snapshot.workload->metadata().generation());
  SetCondition(before.conditions(), ReadyCondition(input, status, sites), now, *status.mutable_conditions());
  return status;
}

}  // namespace perigee::control
