// Deletion: what may go, what has to wait, and who is in the way.
#include <utility>

#include "absl/strings/str_join.h"
#include "control-plane/admission/change_set.h"
#include "control-plane/admission/commit.h"
#include "control-plane/admission/intent.h"
#include "control-plane/admission/reader.h"
#include "control-plane/admission/references.h"
#include "control-plane/watch/codec.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"
#include "shared/resource/validate.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;

constexpr size_t kNamesShown = 5;
constexpr char kDeleteRpc[] = "/perigee.v1.CloudService/Delete";

std::string SomeOf(const std::vector<std::string>& names) {
  const auto end = names.size() > kNamesShown ? names.begin() + kNamesShown : names.end();
  std::string text = absl::StrJoin(names.begin(), end, ", ");
  if (names.size() > kNamesShown) absl::StrAppend(&text, " and ", names.size() - kNamesShown, " more");
  return text;
}

absl::Status InUse(const Message& object, const std::vector<std::string>& holders,
                   std::string_view what_to_do) {
  if (holders.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(KindOf(object).kind, " ", MetaOf(object).name(),
                                                    " is still used by ", SomeOf(holders), ": ",
                                                    ToAbsl(what_to_do)));
}

struct SatellitesOfSite {
  std::vector<std::string> present, revoked;
};

absl::StatusOr<SatellitesOfSite> SatellitesAt(Store& store, const Message& site) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<Stored> all, ReadAll(store, "Satellite", ""));
  SatellitesOfSite found;
  for (const Stored& stored : all) {
    const auto& satellite = dynamic_cast<const v1::Satellite&>(*stored.object);
    if (satellite.spec().site_uid() != MetaOf(site).uid()) continue;
    auto& names = satellite.operations().revoked().active() ? found.revoked : found.present;
    names.push_back("Satellite " + satellite.metadata().name());
  }
  return found;
}

absl::StatusOr<std::vector<std::string>> ObjectsOf(Store& store, const Message& project) {
  std::vector<std::string> names;
  for (const KindInfo& kind : Kinds()) {
    if (!kind.project_scoped || !kind.applicable) continue;
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<Stored> all,
                             ReadAll(store, kind.kind, MetaOf(project).name()));
    for (const Stored& stored : all)
      names.push_back(absl::StrCat(kind.kind, " ", MetaOf(*stored.object).name()));
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> WorkloadsUsing(Store& store, const Message& object) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<Stored> all,
                           ReadAll(store, "Workload", MetaOf(object).project()));
  std::vector<std::string> names;
  for (const Stored& stored : all) {
    const auto& workload = dynamic_cast<const v1::Workload&>(*stored.object);
    if (Uses(workload.spec().template_(), KindOf(object).kind, MetaOf(object).name())) {
      names.push_back("Workload " + workload.metadata().name());
    }
  }
  return names;
}

absl::Status CheckSite(Store& store, const Message& site) {
  PERIGEE_ASSIGN_OR_RETURN(const auto satellites, SatellitesAt(store, site));
  PERIGEE_RETURN_IF_ERROR(InUse(site, satellites.present,
                                "a site with satellites is not deleted, since that would orphan what runs "
                                "there; first: cloudctl satellite revoke NAME"));
  return InUse(site, satellites.revoked, "they are revoked; first: cloudctl delete satellite NAME");
}

absl::Status CheckProject(Store& store, const Message& project) {
  if (MetaOf(project).name() == kDefaultProject) {
    return absl::FailedPreconditionError("the project default is always there and cannot be deleted");
  }
  PERIGEE_ASSIGN_OR_RETURN(const auto names, ObjectsOf(store, project));
  return InUse(project, names, "delete these first");
}

absl::Status CheckContent(Store& store, const Message& object) {
  PERIGEE_ASSIGN_OR_RETURN(const auto names, WorkloadsUsing(store, object));
  return InUse(object, names, "take it out of their templates or delete them first");
}

absl::Status Free(Store&, const Message&) {
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReplicasOn(Store& store, const Message& satellite) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<Stored> all, ReadAll(store, "Assignment", ""));
  std::vector<std::string> names;
  for (const Stored& stored : all) {
    const auto& assignment = dynamic_cast<const v1::Assignment&>(*stored.object);
    if (assignment.spec().satellite_uid() == MetaOf(satellite).uid())
      names.push_back("Assignment " + assignment.metadata().name());
  }
  return names;
}

// A satellite that is not known is refused as one that is revoked is (access/deny_list.h), so that nothing is lost by
// forgetting it; but one that is in service is put out of it first, by a verb that says so. What it had is given away
// before it is forgotten: with stopAfter that has to wait for the end of the lease.
absl::Status CheckSatellite(Store& store, const Message& satellite) {
  if (dynamic_cast<const v1::Satellite&>(satellite).operations().revoked().active()) {
    PERIGEE_ASSIGN_OR_RETURN(const auto names, ReplicasOn(store, satellite));
    return InUse(
        satellite, names,
        "what a revoked satellite had is placed elsewhere by itself, with stopAfter when that time is over; "
        "try again then");
  }
  const std::string& name = MetaOf(satellite).name();
  return absl::FailedPreconditionError(
      absl::StrCat("satellite ", name, " is in service. To put it out: cloudctl satellite revoke ", name,
                   "; then it can be deleted. What runs on the host goes on either way."));
}

absl::Status SystemMade(Store&, const Message& object) {
  return absl::FailedPreconditionError(absl::StrCat(
      "a ", KindOf(object).kind, " is made and removed by the system: delete the Workload it belongs to"));
}

// A kind that is not here is not deleted by hand.
struct Rule {
  std::string_view kind;
  absl::Status (*check)(Store& store, const Message& object);
  bool waits = false;  // for the controllers, which let go of it at every site first
};
constexpr Rule kRules[] = {
    {"Workload", Free, true},    {"Site", CheckSite},           {"Project", CheckProject},
    {"Config", CheckContent},    {"Secret", CheckContent},      {"EnrollmentToken", Free},
    {"EnrollmentRequest", Free}, {"Satellite", CheckSatellite}, {"WorkloadRevision", SystemMade},
    {"Assignment", SystemMade},
};

const Rule* FindRule(std::string_view kind) {
  for (const Rule& rule : kRules) {
    if (rule.kind == kind) return &rule;
  }
  return nullptr;
}

struct Target {
  const KindInfo* kind;
  const Rule* rule;
  std::string project;
  std::string name;
};

absl::StatusOr<Target> Resolve(const v1::DeleteRequest& request) {
  const KindInfo* kind = FindKind(request.kind());
  if (kind == nullptr) {
    const std::string near = NearestKind(request.kind());
    return absl::InvalidArgumentError(
        absl::StrCat("there is no kind \"", request.kind(), "\"",
                     near.empty() ? "" : absl::StrCat("; did you mean ", near, "?")));
  }
  if (!kind->not_yet.empty())
    return absl::UnimplementedError(absl::StrCat(kind->kind, ": not yet: ", kind->not_yet));
  Target target{kind, FindRule(kind->kind), "", request.name()};
  if (target.rule == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("a ", kind->kind, " is not deleted by hand; it goes by itself"));
  }
  PERIGEE_RETURN_IF_ERROR(ValidateName(request.name()));
  if (kind->project_scoped) {
    target.project = request.project().empty() ? std::string(kDefaultProject) : request.project();
    PERIGEE_RETURN_IF_ERROR(ValidateName(target.project));
  }
  return target;
}

absl::Status CheckUid(const v1::DeleteRequest& request, const Message& object) {
  if (request.uid().empty() || request.uid() == MetaOf(object).uid()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(request.name(), " has uid ", MetaOf(object).uid(),
                                                    ", not ", request.uid(),
                                                    ": it was deleted and made again meanwhile"));
}

}  // namespace

absl::StatusOr<v1::DeleteResponse> Intent::Delete(const Caller& caller, const v1::DeleteRequest& request) {
  PERIGEE_RETURN_IF_ERROR(parts_.table.Authorize(caller, kDeleteRpc));
  PERIGEE_ASSIGN_OR_RETURN(const Target target, Resolve(request));
  absl::MutexLock lock(&mutex_);
  return RetryAborted([&]() -> absl::StatusOr<v1::DeleteResponse> {
    PERIGEE_ASSIGN_OR_RETURN(const std::optional<Stored> before,
                             ReadObject(parts_.store, target.kind->kind, target.project, target.name));
    if (!before.has_value()) {
      return absl::NotFoundError(absl::StrCat("there is no ", target.kind->kind, " ", target.name,
                                              target.project.empty() ? "" : " in project ", target.project));
    }
    const Message& object = *before->object;
    PERIGEE_RETURN_IF_ERROR(CheckUid(request, object));
    PERIGEE_RETURN_IF_ERROR(target.rule->check(parts_.store, object));
    if (parts_.policy != nullptr) {
      const Opinion opinion = parts_.policy->Judge(caller, "delete", WithDefaults(object).get(), nullptr);
      if (!opinion.errors.empty()) {
        return absl::PermissionDeniedError(
            absl::StrCat("refused by policy: ", opinion.errors.front().message()));
      }
    }
    v1::DeleteResponse response;
    *response.mutable_object() = ReferenceTo(object);
    response.set_waiting(target.rule->waits);
    ChangeSet changes(caller, parts_.clock.Now());
    if (!target.rule->waits) {
      changes.Remove("delete", object);
    } else if (!MetaOf(object).has_deleting_since()) {
      const auto after = CopyOf(object);
      MutableMeta(*after).mutable_deleting_since()->set_seconds(absl::ToUnixSeconds(parts_.clock.Now()));
      changes.Put("delete", &object, *after, ChangedFields(object, *after));
    }
    if (changes.HasObjects()) PERIGEE_RETURN_IF_ERROR(CommitAudited(parts_.store, std::move(changes)));
    return response;
  });
}

}  // namespace perigee::control
