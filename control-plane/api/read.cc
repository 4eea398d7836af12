// Reading: get, list, watch, explain. From the model; events and audit records are in records.cc.
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/api/api.h"
#include "control-plane/api/records.h"
#include "control-plane/controllers/explain.h"
#include "shared/base/limits.h"
#include "shared/base/random.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"
#include "shared/resource/selector.h"

namespace perigee::control {
namespace {

absl::StatusOr<const KindInfo*> ServedKind(const std::string& name) {
  const KindInfo* kind = FindKind(name);
  if (kind == nullptr) {
    const std::string near = NearestKind(name);
    return absl::InvalidArgumentError(absl::StrCat(
        "There is no kind \"", name, "\".", near.empty() ? "" : absl::StrCat(" Did you mean ", near, "?")));
  }
  if (!kind->not_yet.empty()) {
    return absl::UnimplementedError(
        absl::StrCat(kind->kind, " is not served by this release: ", kind->not_yet));
  }
  return kind;
}

std::string ProjectOf(const KindInfo& kind, const std::string& asked) {
  if (!kind.project_scoped) return "";
  return asked.empty() ? std::string(kDefaultProject) : asked;
}

// The place in the order of List after which the next page begins.
std::string PageToken(const v1::ObjectMeta& last) {
  return Base64UrlEncode(absl::StrCat(last.project(), "/", last.name()));
}

absl::StatusOr<std::pair<std::string, std::string>> PlaceOf(const std::string& token) {
  const absl::StatusOr<std::string> text = Base64UrlDecode(token);
  const size_t slash = text.ok() ? text->find('/') : std::string::npos;
  if (slash == std::string::npos)
    return absl::InvalidArgumentError("continueToken is not one of this server. List again.");
  return std::pair(text->substr(0, slash), text->substr(slash + 1));
}

// Whether an object is of, or at, the one with that uid.
bool Concerns(const google::protobuf::Message& object, const std::string& uid) {
  if (MetaOf(object).uid() == uid) return true;
  if (const auto* assignment = dynamic_cast<const v1::Assignment*>(&object)) {
    return assignment->spec().workload_uid() == uid || assignment->spec().satellite_uid() == uid ||
           assignment->spec().site_uid() == uid;
  }
  if (const auto* revision = dynamic_cast<const v1::WorkloadRevision*>(&object)) {
    return revision->spec().workload_uid() == uid;
  }
  if (const auto* satellite = dynamic_cast<const v1::Satellite*>(&object))
    return satellite->spec().site_uid() == uid;
  return false;
}

}  // namespace

absl::StatusOr<ObjectPtr> Api::Find(const std::string& kind_name, const std::string& project,
                                    const std::string& name) const {
  PERIGEE_ASSIGN_OR_RETURN(const KindInfo* kind, ServedKind(kind_name));
  if (name.empty()) return absl::InvalidArgumentError("A name is missing.");
  const absl::StatusOr<ObjectPtr> found = FindObject(*kind, project, name);
  if (!absl::IsNotFound(found.status())) return found;
  return absl::NotFoundError(
      absl::StrCat("There is no ", kind->kind, " \"", name, "\"",
                   kind->project_scoped ? absl::StrCat(" in project ", ProjectOf(*kind, project)) : "",
                   ". List them: cloudctl get ", kind->plural));
}

absl::StatusOr<ObjectPtr> Api::FindObject(const KindInfo& kind, const std::string& project,
                                          const std::string& name) const {
  if (kind.kind == "Event") return FindEvent(name);
  if (kind.kind == "AuditRecord") return FindAuditRecord(name);
  if (ObjectPtr object = parts_.model.Get(kind.kind, ProjectOf(kind, project), name)) return object;
  return absl::NotFoundError("not in the model");
}

absl::StatusOr<v1::GetResponse> Api::Get(const Caller& caller, const v1::GetRequest& request) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "Get"));
  PERIGEE_ASSIGN_OR_RETURN(const ObjectPtr object, Find(request.kind(), request.project(), request.name()));
  v1::GetResponse response;
  *response.mutable_resource() = Shown(*object);
  return response;
}

absl::StatusOr<v1::ListResponse> Api::List(const Caller& caller, const v1::ListRequest& request) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "List"));
  PERIGEE_ASSIGN_OR_RETURN(const KindInfo* kind, ServedKind(request.kind()));
  if (request.limit() < 0 || request.limit() > limits::kListPage) {
    return absl::InvalidArgumentError(absl::StrCat("limit must be at most ", limits::kListPage, "."));
  }
  if (IsRecord(*kind)) {
    PERIGEE_RETURN_IF_ERROR(RefuseSelector(*kind, request.selector()));
    return kind->kind == "Event" ? ListEvents(request) : ListAuditRecords(request);
  }
  PERIGEE_ASSIGN_OR_RETURN(const v1::LabelSelector selector, ParseSelector(request.selector()));
  std::pair<std::string, std::string> after;
  if (!request.continue_token().empty()) {
    PERIGEE_ASSIGN_OR_RETURN(after, PlaceOf(request.continue_token()));
  }
  const int limit = PageLimit(request);
  v1::ListResponse response;
  response.set_revision(parts_.model.revision());
  size_t bytes = 0;
  for (const ObjectPtr& object :
       parts_.model.List(kind->kind, kind->project_scoped ? request.project() : "")) {
    const v1::ObjectMeta& meta = MetaOf(*object);
    if (!request.continue_token().empty() && std::pair(meta.project(), meta.name()) <= after) continue;
    if (!Matches(selector, meta.labels())) continue;
    if (!request.field_object_uid().empty() && !Concerns(*object, request.field_object_uid())) continue;
    if (response.resources_size() == limit || bytes >= kPageBytes) {
      response.set_continue_token(
          PageToken(MetaOf(ObjectOf(response.resources(response.resources_size() - 1)))));
      break;
    }
    *response.add_resources() = Shown(*object);
    bytes += response.resources(response.resources_size() - 1).ByteSizeLong();
  }
  return response;
}

absl::StatusOr<std::unique_ptr<WatchStream>> Api::Watch(const Caller& caller,
                                                        const v1::WatchRequest& request) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "Watch"));
  WatchStream::Filter filter;
  filter.project = request.project();
  PERIGEE_ASSIGN_OR_RETURN(filter.selector, ParseSelector(request.selector()));
  for (const std::string& name : request.kinds()) {
    PERIGEE_ASSIGN_OR_RETURN(const KindInfo* kind, ServedKind(name));
    PERIGEE_RETURN_IF_ERROR(CanWatch(*kind, request.selector()));
    filter.kinds.insert(kind->kind);
  }
  if (filter.kinds.empty())
    return absl::InvalidArgumentError("kinds is empty. Name at least one kind to watch.");
  std::unique_ptr<Subscription> subscription = parts_.model.Subscribe(filter.kinds);
  if (request.from_revision() != 0 && request.from_revision() != parts_.model.revision()) {
    return absl::OutOfRangeError("Changes since that revision are not kept. Watch again from revision 0.");
  }
  return std::make_unique<WatchStream>(
      parts_.model, parts_.observation, std::move(subscription), std::move(filter),
      request.from_revision() == 0,
      [this](const google::protobuf::Message& object) { return Shown(object); });
}

absl::StatusOr<v1::ExplainResponse> Api::Explain(const Caller& caller, const v1::ExplainRequest& request) {
  PERIGEE_RETURN_IF_ERROR(Authorize(caller, "Explain"));
  PERIGEE_ASSIGN_OR_RETURN(ObjectPtr object, Find(request.kind(), request.project(), request.name()));
  return control::Explain(SnapshotForExplain(parts_.model, std::move(object)), parts_.clock.Now());
}

}  // namespace perigee::control
