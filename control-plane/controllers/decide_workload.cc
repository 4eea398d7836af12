#include "control-plane/controllers/decide_workload.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control-plane/controllers/lost.h"
#include "control-plane/controllers/replica_view.h"
#include "control-plane/controllers/revisions.h"
#include "control-plane/controllers/workload_status.h"
#include "shared/base/limits.h"
#include "shared/resource/defaults.h"
#include "shared/resource/reasons.h"
#include "shared/resource/registry.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

class Decision {
 public:
  Decision(const WorkloadSnapshot& snapshot, absl::Time now)
      : snapshot_(snapshot),
        workload_(*snapshot.workload),
        now_(now),
        deleting_(workload_.metadata().has_deleting_since()) {}

  WorkloadPlan Decide() {
    if (!deleting_) revision_ = DecideRevision(snapshot_);
    if (revision_.is_new) AddRevision();
    PlaceReplicas();
    for (const auto& assignment : snapshot_.assignments) {
      replicas_.push_back(ViewOf(assignment, snapshot_, revision_.current, placement_, now_));
      working_[assignment->metadata().uid()] = {.object = *assignment};
    }
    paused_ = IsPaused();
    RollOut();
    WriteAssignments();
    Create();
    Clean();
    plan_.status = StatusOf({snapshot_, revision_, placement_, replicas_, rollouts_, paused_}, now_);
    SayWhatIsNew();
    return std::move(plan_);
  }

 private:
  struct Working {
    v1::Assignment object;
    std::string verb;  // empty: unchanged
    bool remove = false;
  };

  void Change(std::string verb, const google::protobuf::Message& object, bool remove = false) {
    plan_.changes.push_back({std::move(verb), WrapObject(object), remove});
  }

  void AddRevision() {
    Change("create", *revision_.current);
    AddEvent("Normal", reason::kRevisionCreated,
             absl::StrCat("Revision ", revision_.current->spec().number(), " of workload ",
                          workload_.metadata().name()),
             "");
  }

  void PlaceReplicas() {
    v1::Workload defaulted = workload_;
    ApplyDefaults(defaulted);
    // What is placed is what will run: the revision's template, also while a newer one cannot be made.
    if (revision_.current != nullptr)
      *defaulted.mutable_spec()->mutable_template_() = revision_.current->spec().template_();
    auto wanted = WantedOf(defaulted, snapshot_.project.get());
    if (!wanted.ok() || (revision_.current == nullptr && !deleting_)) {
      KeepAll();
      return;
    }
    PlacementInput input{.wanted = *std::move(wanted)};
    for (const auto& [uid, site] : snapshot_.sites) input.sites.push_back(SiteOf(*site));
    const absl::Duration lease = LongestLease(snapshot_);
    for (const auto& [uid, satellite] : snapshot_.satellites) {
      input.hosts.push_back(HostOf(*satellite));
      input.hosts.back().lost = IsLost(satellite.get(), lease, now_);
    }
    for (const auto& assignment : snapshot_.placed) input.placed.push_back(PlacedOf(*assignment));
    needs_ = input.wanted.needs;
    placement_ = Place(input);
  }

  // Nothing can be decided: nothing changes.
  void KeepAll() {
    for (const auto& assignment : snapshot_.assignments)
      placement_.keep.push_back(assignment->metadata().uid());
    std::sort(placement_.keep.begin(), placement_.keep.end());
  }

  bool IsPaused() const {
    const auto& operations = workload_.operations();
    if (operations.pause().active() || operations.hold().active() || revision_.missing.has_value())
      return true;
    // A site went back from this revision by itself: it must not go further before somebody has looked.
    return std::any_of(replicas_.begin(), replicas_.end(), [&](const ReplicaView& view) {
      return revision_.current != nullptr && view.assignment->status().on_previous() && view.rollout.wanted &&
             view.rollout.current &&
             view.assignment->spec().revision_uid() == revision_.current->metadata().uid();
    });
  }

  bool IsHeld(const std::string& site_uid) const {
    const auto site = snapshot_.sites.find(site_uid);
    return site != snapshot_.sites.end() && site->second->operations().hold().active();
  }

  void RollOut() {
    std::map<std::string, SiteRolloutInput> sites;
    for (const ReplicaView& view : replicas_) {
      sites[view.assignment->spec().site_uid()].replicas.push_back(view.rollout);
    }
    const int32_t asked = workload_.spec().rollout().max_unavailable_per_site();
    for (auto& [uid, input] : sites) {
      input.budget = asked > 0 ? asked : 1;
      input.paused = paused_ || IsHeld(uid);
      input.remove_all_at_once = deleting_;
      rollouts_[uid] = DecideSite(input);
      for (const Step& step : rollouts_[uid].steps) Carry(step);
    }
  }

  void Carry(const Step& step) {
    Working& working = working_.at(step.assignment_uid);
    v1::AssignmentSpec& spec = *working.object.mutable_spec();
    switch (step.kind) {
      case StepKind::kRetarget:
        Aim(spec);
        working.verb = "retarget";
        break;
      case StepKind::kReplace:
        if (spec.revision_uid() != revision_.current->metadata().uid())
          spec.set_previous_revision_uid(spec.revision_uid());
        Aim(spec);
        OpenPermit("replace", working);
        break;
      case StepKind::kRenew:
        Aim(spec);
        OpenPermit("replace", working);
        break;
      case StepKind::kRemove:
        *working.object.mutable_metadata()->mutable_deleting_since() = ToTimestamp(now_);
        OpenPermit("remove", working);
        break;
      case StepKind::kClosePermit:
        spec.clear_permit_id();
        working.verb = "close-permit";
        break;
      case StepKind::kForget:
        working.verb = "delete";
        working.remove = true;
        break;
    }
  }

  void Aim(v1::AssignmentSpec& spec) {
    spec.set_revision_uid(revision_.current->metadata().uid());
    SetNeeds(needs_, spec);
  }

  // A permit's id is of this one change of this assignment, whoever decides it and however often.
  void OpenPermit(const std::string& action, Working& working) {
    const v1::ObjectMeta& meta = working.object.metadata();
    working.object.mutable_spec()->set_permit_id(
        DerivedUid({"permit", meta.uid(), absl::StrCat(meta.revision()), action}));
    working.verb = action;
  }

  void WriteAssignments() {
    for (auto& [uid, working] : working_) {
      if (working.verb.empty()) continue;
      plan_.satellites.insert(working.object.spec().satellite_uid());
      Change(working.verb, working.object, working.remove);
    }
  }

  void Create() {
    for (const Creation& creation : placement_.creations) {
      v1::Assignment assignment;
      v1::ObjectMeta& meta = *assignment.mutable_metadata();
      const v1::Satellite& satellite = *snapshot_.satellites.at(creation.satellite_uid);
      const v1::Site& site = *snapshot_.sites.at(creation.site_uid);
      meta.set_uid(DerivedUid({"assignment", workload_.metadata().uid(), creation.satellite_uid,
                               absl::StrCat(creation.ordinal), absl::StrCat(snapshot_.revision)}));
      const std::string base =
          absl::StrCat(workload_.metadata().name(), "-", site.metadata().name(), "-", creation.ordinal);
      meta.set_name(DerivedName(absl::StrCat(base, "-", meta.uid().substr(31)), meta.uid()));
      meta.set_project(workload_.metadata().project());
      *meta.mutable_labels() = workload_.metadata().labels();
      v1::AssignmentSpec& spec = *assignment.mutable_spec();
      spec.set_workload_uid(workload_.metadata().uid());
      spec.set_workload(workload_.metadata().name());
      spec.set_satellite_uid(creation.satellite_uid);
      spec.set_satellite(satellite.metadata().name());
      spec.set_site_uid(creation.site_uid);
      spec.set_site(site.metadata().name());
      spec.set_ordinal(creation.ordinal);
      Aim(spec);
      plan_.satellites.insert(creation.satellite_uid);
      Change("assign", assignment);
    }
  }

  // Revisions that nothing needs; and the workload itself, when it is being deleted and has no replica left.
  void Clean() {
    const bool all_gone =
        std::all_of(working_.begin(), working_.end(), [](const auto& w) { return w.second.remove; });
    if (deleting_ && all_gone) {
      for (const auto& revision : snapshot_.revisions) Change("delete", *revision, true);
      Change("delete", workload_, true);
      return;
    }
    if (deleting_) return;
    std::set<std::string> in_use = {workload_.operations().pinned().revision_uid(),
                                    workload_.status().current_revision_uid()};
    if (revision_.current != nullptr) in_use.insert(revision_.current->metadata().uid());
    for (const auto& [uid, working] : working_) {
      in_use.insert({working.object.spec().revision_uid(), working.object.spec().previous_revision_uid()});
    }
    std::vector<RevisionPtr> all = snapshot_.revisions;
    if (revision_.is_new) all.push_back(revision_.current);
    for (const auto& revision : RevisionsToDrop(all, in_use)) Change("delete", *revision, true);
  }

  // What this decision found at a site that was not said before.
  void SayWhatIsNew() {
    for (const auto& site : plan_.status.sites()) {
      for (const auto& condition : site.conditions()) {
        if (condition.status() == "True" || WasSaid(site.site(), condition)) continue;
        AddEvent("Warning", condition.reason(), condition.message(), site.site());
      }
    }
  }

  bool WasSaid(const std::string& site, const v1::Condition& condition) const {
    for (const auto& before : workload_.status().sites()) {
      if (before.site() != site) continue;
      for (const auto& said : before.conditions()) {
        if (said.type() == condition.type() && said.reason() == condition.reason()) return true;
      }
    }
    return false;
  }

  void AddEvent(std::string type, std::string_view why, std::string message, std::string site) {
    v1::Event& event = plan_.events.emplace_back();
    event.mutable_metadata()->set_project(workload_.metadata().project());
    event.set_type(std::move(type));
    event.set_reason(std::string(why));
    event.set_message(std::move(message));
    *event.mutable_object() = ReferenceTo(workload_);
    event.set_site(std::move(site));
    *event.mutable_centre_time() = ToTimestamp(now_);
  }

  const WorkloadSnapshot& snapshot_;
  const v1::Workload& workload_;
  const absl::Time now_;
  const bool deleting_;
  RevisionDecision revision_;
  Needs needs_;
  PlacementPlan placement_;
  std::vector<ReplicaView> replicas_;
  std::map<std::string, Working> working_;       // by uid
  std::map<std::string, SiteRollout> rollouts_;  // by site uid
  bool paused_ = false;
  WorkloadPlan plan_;
};

}  // namespace

WorkloadPlan DecideWorkload(const WorkloadSnapshot& snapshot, absl::Time now) {
  return Decision(snapshot, now).Decide();
}

}  // namespace perigee::control
