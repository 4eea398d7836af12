#include "control-plane/controllers/explain.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "control-plane/controllers/replica_view.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "shared/base/status.h"
#include "shared/resource/quantity.h"
#include "shared/resource/reasons.h"
#include "shared/resource/registry.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

using google::protobuf::Timestamp;
using Conditions = google::protobuf::RepeatedPtrField<v1::Condition>;

std::string_view WhyNotLive(const v1::Satellite& satellite) {
  const v1::SatelliteStatus& status = satellite.status();
  if (!status.has_last_contact()) return reason::kNeverSeen;
  return status.freshness().state() == "stale" ? reason::kStale : reason::kUnknownSinceRestart;
}

// That something below is not Ready; what that is says more.
bool IsSum(const v1::ExplainResponse::Finding& finding) {
  return finding.reason() == reason::kReplicasNotReady;
}

class Explainer {
 public:
  Explainer(const ExplainSnapshot& snapshot, absl::Time now) : snapshot_(snapshot), now_(now) {}

  v1::ExplainResponse Explain() {
    const auto& object = *snapshot_.object;
    const std::string kind = absl::AsciiStrToLower(KindOf(object).kind);
    Name(kind, MetaOf(object).name());
    if (kind == "enrollmentrequest") Name("satellite", MetaOf(object).name());
    if (const auto* workload = dynamic_cast<const v1::Workload*>(&object)) {
      ExplainWorkload(*workload);
    } else if (const auto* assignment = dynamic_cast<const v1::Assignment*>(&object)) {
      ExplainReplica(*assignment, true);
    } else if (const auto* satellite = dynamic_cast<const v1::Satellite*>(&object)) {
      ExplainSatellite(*satellite, true);
      ExplainReplicas();
    } else if (const auto* site = dynamic_cast<const v1::Site*>(&object)) {
      ExplainSite(*site);
    } else if (const auto* request = dynamic_cast<const v1::EnrollmentRequest*>(&object)) {
      ExplainRequest(*request);
    } else if (const auto* token = dynamic_cast<const v1::EnrollmentToken*>(&object)) {
      ExplainToken(*token);
    } else if (const auto* project = dynamic_cast<const v1::Project*>(&object)) {
      AddConditions("", project->status().conditions());
    }
    if (MetaOf(object).has_deleting_since()) {
      Add("", reason::kDeleting, "It is being deleted; what still holds it has not let go.",
          &MetaOf(object).deleting_since());
    }
    Finish();
    return std::move(response_);
  }

 private:
  void Add(const std::string& where, std::string_view why, std::string message, const Timestamp* since) {
    v1::ExplainResponse::Finding& finding = *response_.add_findings();
    finding.set_where(where);
    finding.set_reason(std::string(why));
    const ReasonInfo* info = FindReason(why);
    finding.set_message(!message.empty() || info == nullptr ? std::move(message)
                                                            : std::string(info->meaning));
    if (since != nullptr && since->seconds() > 0) *finding.mutable_since() = *since;
    finding.set_severity(std::string(SeverityName(info == nullptr ? Severity::kProblem : info->severity)));
    if (info != nullptr) finding.set_next_step(Named(std::string(info->next_step)));
  }

  // With the names that the reason table leaves open.
  std::string Named(std::string step) const {
    for (const auto& [open, name] : names_) step = absl::StrReplaceAll(step, {{open, name}});
    return step;
  }

  // The reason table writes "workload NAME" or "workload/NAME"; a replica is REPLICA there.
  void Name(const std::string& kind, const std::string& name) {
    names_[absl::StrCat(kind, " NAME")] = absl::StrCat(kind, " ", name);
    names_[absl::StrCat(kind, "/NAME")] = absl::StrCat(kind, "/", name);
    if (kind == "satellite") {
      for (const char* verb : {"approve", "revoke"}) {
        names_[absl::StrCat("satellite ", verb, " NAME")] = absl::StrCat("satellite ", verb, " ", name);
      }
    }
  }

  void AddConditions(const std::string& where, const Conditions& conditions) {
    for (const auto& condition : conditions) {
      const ReasonInfo* info = FindReason(condition.reason());
      const bool fine = info != nullptr ? info->severity == Severity::kOk : condition.status() == "True";
      if (fine && condition.status() != "False") continue;
      Add(where, condition.reason(), condition.message(), &condition.last_transition());
    }
  }

  void AddOverride(const std::string& where, std::string_view why, const v1::Override& decided) {
    if (!decided.active()) return;
    const std::string by = decided.by().empty() ? "" : absl::StrCat("By ", decided.by(), ". ");
    Add(where, why, absl::StrCat(by, decided.why()), &decided.since());
  }

  const v1::Satellite* SatelliteOf(const v1::Assignment& assignment) const {
    const auto it = snapshot_.satellites.find(assignment.spec().satellite_uid());
    return it == snapshot_.satellites.end() ? nullptr : it->second.get();
  }

  void ExplainWorkload(const v1::Workload& workload) {
    AddConditions("", workload.status().conditions());
    AddOverride("", reason::kPaused, workload.operations().pause());
    AddOverride("", reason::kHeld, workload.operations().hold());
    for (const auto& site : workload.status().sites()) {
      AddConditions(absl::StrCat("site ", site.site()), site.conditions());
    }
    ExplainReplicas();
    if (workload.status().conditions().empty()) {
      Add("", reason::kProgressing, "It has only just come; nothing was decided yet.",
          &workload.metadata().created_at());
    }
  }

  // Those that are not as they should be; one line for each satellite that is away.
  void ExplainReplicas() {
    for (const auto& assignment : snapshot_.assignments) ExplainReplica(*assignment, false);
  }

  void ExplainReplica(const v1::Assignment& assignment, bool with_ready) {
    const v1::Satellite* satellite = SatelliteOf(assignment);
    const std::string where =
        absl::StrCat("site ", assignment.spec().site(), " / satellite ", assignment.spec().satellite(),
                     " / replica ", assignment.metadata().name());
    const v1::AssignmentStatus& status = assignment.status();
    const bool live = IsLive(satellite);
    names_["REPLICA"] = assignment.metadata().name();
    Name("workload", assignment.spec().workload());
    Name("satellite", assignment.spec().satellite());
    if (!live) {
      AddAway(where, status, satellite);
    } else if (status.state().empty()) {
      Add(where, reason::kNotReported, "", &assignment.metadata().created_at());
    } else if (!IsReady(assignment) || with_ready) {
      const std::string exit = status.exit().empty() ? "" : absl::StrCat(" Last end: ", status.exit(), ".");
      const std::string restarts =
          status.restarts() == 0 ? "" : absl::StrCat(" Restarts: ", status.restarts(), ".");
      const std::string_view why = !status.reason().empty() ? std::string_view(status.reason())
                                   : IsReady(assignment)    ? reason::kReady
                                                            : reason::kReplicasNotReady;
      Add(where, why, absl::StrCat(status.state(), ". ", status.message(), exit, restarts), &status.since());
    }
    if (status.on_previous()) Add(where, reason::kOnPrevious, "", &status.since());
    if (live) AddConditions(where, status.conditions());
    if (!assignment.spec().permit_id().empty()) {
      const bool leaving = assignment.metadata().has_deleting_since();
      if (!leaving && live && MissedDeadline(assignment))
        Add(where, reason::kDeadlineMissed, "", &status.since());
      Add(where, leaving ? reason::kStopping : reason::kProgressing,
          absl::StrCat("It holds the permit to be ", leaving ? "removed" : "replaced", "."), nullptr);
    }
  }

  // Of a replica that is being replaced.
  bool MissedDeadline(const v1::Assignment& assignment) const {
    const auto* workload = dynamic_cast<const v1::Workload*>(snapshot_.object.get());
    if (workload == nullptr || IsReady(assignment) || !assignment.status().has_since()) return false;
    const auto deadline = ParseDuration(workload->spec().rollout().deadline());
    return deadline.ok() && FromTimestamp(assignment.status().since()) + *deadline < now_;
  }

  // A state that is not known to be so now is never said as if it were.
  void AddAway(const std::string& where, const v1::AssignmentStatus& status, const v1::Satellite* satellite) {
    const std::string last = status.state().empty() ? std::string("It never reported.")
                                                    : absl::StrCat("Last reported: ", status.state(), ".");
    if (satellite == nullptr) {
      Add(where, reason::kNoSatellite, absl::StrCat("The satellite is no more. ", last), nullptr);
      return;
    }
    const std::string_view why = satellite->operations().revoked().active()       ? reason::kRevoked
                                 : satellite->operations().quarantined().active() ? reason::kQuarantined
                                                                                  : WhyNotLive(*satellite);
    Add(where, why, absl::StrCat("The satellite is not in contact; what runs there goes on. ", last),
        &satellite->status().freshness().since());
  }

  void ExplainSatellite(const v1::Satellite& satellite, bool alone) {
    const std::string where = alone ? "" : absl::StrCat("satellite ", satellite.metadata().name());
    AddOverride(where, reason::kRevoked, satellite.operations().revoked());
    AddOverride(where, reason::kQuarantined, satellite.operations().quarantined());
    AddOverride(where, reason::kCordoned, satellite.operations().cordon());
    AddOverride(where, reason::kDraining, satellite.operations().drain());
    const v1::SatelliteStatus& status = satellite.status();
    if (!IsLive(&satellite)) {
      const bool seen = status.has_last_contact();
      Add(where, WhyNotLive(satellite),
          seen ? absl::StrCat("Last contact ", Ago(status.last_contact()), " ago.") : "",
          seen ? &status.last_contact() : &satellite.metadata().created_at());
    } else if (status.applied_sequence() < status.wanted_sequence()) {
      Add(where, reason::kApplying,
          absl::StrCat("It has persisted ", status.applied_sequence(), " of ", status.wanted_sequence(), "."),
          nullptr);
    }
    AddConditions(where, status.conditions());
  }

  void ExplainSite(const v1::Site& site) {
    AddOverride("", reason::kHeld, site.operations().hold());
    if (snapshot_.satellites.empty()) {
      Add("", reason::kNoSatellite, "No satellite is enrolled at this site.", &site.metadata().created_at());
    }
    std::vector<const v1::Satellite*> sorted;
    for (const auto& [uid, satellite] : snapshot_.satellites) sorted.push_back(satellite.get());
    std::sort(sorted.begin(), sorted.end(),
              [](const auto* a, const auto* b) { return a->metadata().name() < b->metadata().name(); });
    for (const auto* satellite : sorted) {
      Name("satellite", satellite->metadata().name());
      ExplainSatellite(*satellite, false);
    }
    ExplainReplicas();
  }

  void ExplainRequest(const v1::EnrollmentRequest& request) {
    const auto& status = request.status();
    if (status.phase() == "Denied") {
      Add("", reason::kDenied, absl::StrCat("By ", status.decided_by(), ". ", status.reason()),
          &status.decided_at());
    } else if (status.phase() != "Approved") {
      Add("", reason::kWaitingForApproval,
          absl::StrCat("Fingerprint ", request.spec().fingerprint(), ", host ", status.facts().hostname(),
                       ", site ", request.spec().site(), "."),
          &request.metadata().created_at());
    }
  }

  void ExplainToken(const v1::EnrollmentToken& token) {
    if (token.spec().has_expires_at() && FromTimestamp(token.spec().expires_at()) <= now_) {
      Add("", reason::kTokenExpired, "", &token.spec().expires_at());
    } else if (token.status().uses_left() == 0 && !token.status().enrolled().empty()) {
      Add("", reason::kTokenUsed, "", nullptr);
    }
  }

  std::string Ago(const Timestamp& at) const {
    const absl::Duration age =
        absl::Floor(std::max(now_ - FromTimestamp(at), absl::ZeroDuration()), absl::Seconds(1));
    return DurationText(age);
  }

  void Finish() {
    auto& findings = *response_.mutable_findings();
    const auto rank = [](const v1::ExplainResponse::Finding& finding) {
      return finding.severity() == "problem" ? 0 : finding.severity() == "waiting" ? 1 : 2;
    };
    // Problems first, each kind in the order in which it was found; sums after what they sum up.
    const google::protobuf::RepeatedPtrField<v1::ExplainResponse::Finding> found = findings;
    findings.Clear();
    for (int wanted = 0; wanted <= 2; ++wanted) {
      for (const bool sum : {false, true}) {
        for (const auto& finding : found) {
          if (rank(finding) == wanted && IsSum(finding) == sum) *findings.Add() = finding;
        }
      }
    }
    const std::string name =
        absl::StrCat(KindOf(*snapshot_.object).kind, " ", MetaOf(*snapshot_.object).name());
    if (findings.empty() || rank(findings[0]) == 2) {
      response_.set_summary(absl::StrCat(name, " is as asked."));
      return;
    }
    const auto& first = findings[0];
    const std::string where = first.where().empty() ? "" : absl::StrCat(" (", first.where(), ")");
    response_.set_summary(absl::StrCat(name, rank(first) == 0 ? " is not as asked: " : " is on its way: ",
                                       first.reason(), where, ". ", first.message()));
  }

  const ExplainSnapshot& snapshot_;
  const absl::Time now_;
  v1::ExplainResponse response_;
  std::map<std::string, std::string>
      names_;  // of what is being explained: what the reason table writes -> name
};

void AddSatellite(const Model& model, const std::string& uid, ExplainSnapshot& snapshot) {
  if (auto satellite = std::dynamic_pointer_cast<const v1::Satellite>(model.GetByUid("Satellite", uid))) {
    snapshot.satellites[uid] = std::move(satellite);
  }
}

void AddAssignments(const std::vector<ObjectPtr>& objects, ExplainSnapshot& snapshot) {
  for (const auto& object : objects) {
    snapshot.assignments.push_back(std::dynamic_pointer_cast<const v1::Assignment>(object));
  }
}

}  // namespace

ExplainSnapshot SnapshotForExplain(const Model& model, ObjectPtr object) {
  ExplainSnapshot snapshot{.object = object};
  const std::string& kind = KindOf(*object).kind;
  const std::string& uid = MetaOf(*object).uid();
  if (kind == "Workload") {
    AddAssignments(model.AssignmentsOfWorkload(uid), snapshot);
  } else if (kind == "Assignment") {
    AddAssignments({object}, snapshot);
  } else if (kind == "Satellite") {
    AddAssignments(model.AssignmentsOfSatellite(uid), snapshot);
    AddSatellite(model, uid, snapshot);
  } else if (kind == "Site") {
    for (const auto& satellite : model.SatellitesOfSite(uid)) {
      AddSatellite(model, MetaOf(*satellite).uid(), snapshot);
      AddAssignments(model.AssignmentsOfSatellite(MetaOf(*satellite).uid()), snapshot);
    }
  }
  for (const auto& assignment : snapshot.assignments)
    AddSatellite(model, assignment->spec().satellite_uid(), snapshot);
  return snapshot;
}

v1::ExplainResponse Explain(const ExplainSnapshot& snapshot, absl::Time now) {
  return Explainer(snapshot, now).Explain();
}

}  // namespace perigee::control
