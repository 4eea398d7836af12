#include "shared/resource/registry.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/resource/field_path.h"

namespace perigee {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

enum class Scope { kCloud, kProject };
enum class Use { kApply, kRead, kLater };

struct Row {
  const char* kind;
  const char* plural;
  const char* short_name;
  Scope scope;
  Use use;
};

// A kind for each field of v1::Resource; the first call aborts when one is missing.
constexpr Row kRows[] = {
    {"Site", "sites", "si", Scope::kCloud, Use::kApply},
    {"Satellite", "satellites", "sat", Scope::kCloud, Use::kRead},
    {"EnrollmentToken", "enrollmenttokens", "et", Scope::kCloud, Use::kRead},
    {"EnrollmentRequest", "enrollmentrequests", "er", Scope::kCloud, Use::kRead},
    {"Project", "projects", "proj", Scope::kCloud, Use::kApply},
    {"Workload", "workloads", "wl", Scope::kProject, Use::kApply},
    {"WorkloadRevision", "workloadrevisions", "rev", Scope::kProject, Use::kRead},
    {"Assignment", "assignments", "as", Scope::kProject, Use::kRead},
    {"Rollout", "rollouts", "ro", Scope::kProject, Use::kLater},
    {"Config", "configs", "cfg", Scope::kProject, Use::kApply},
    {"Secret", "secrets", "sec", Scope::kProject, Use::kApply},
    {"Policy", "policies", "pol", Scope::kCloud, Use::kLater},
    {"Role", "roles", "role", Scope::kCloud, Use::kLater},
    {"RoleBinding", "rolebindings", "rb", Scope::kCloud, Use::kLater},
    {"User", "users", "usr", Scope::kCloud, Use::kLater},
    {"ApiToken", "apitokens", "tok", Scope::kCloud, Use::kLater},
    {"GitSource", "gitsources", "git", Scope::kCloud, Use::kLater},
    {"Event", "events", "ev", Scope::kCloud, Use::kRead},
    {"AuditRecord", "auditrecords", "audit", Scope::kCloud, Use::kRead},
    {"Violation", "violations", "vio", Scope::kCloud, Use::kLater},
    {"Alert", "alerts", "al", Scope::kCloud, Use::kLater},
};

std::vector<KindInfo> BuildKinds() {
  std::vector<KindInfo> kinds;
  const auto* resource = v1::Resource::descriptor();
  for (int i = 0; i < resource->field_count(); ++i) {
    const FieldDescriptor* field = resource->field(i);
    const std::string& kind = field->message_type()->name();
    const Row* row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.kind == kind; });
    PERIGEE_ASSERT(row != std::end(kRows));
    KindInfo info;
    info.kind = kind;
    info.plural = row->plural;
    info.short_name = row->short_name;
    info.project_scoped = row->scope == Scope::kProject;
    info.applicable = row->use == Use::kApply;
    if (row->use == Use::kLater) info.not_yet = absl::StrCat("kind ", kind, " is not served by this release");
    info.field = field;
    kinds.push_back(std::move(info));
  }
  return kinds;
}

const FieldDescriptor* MetadataField(const Message& object) {
  const FieldDescriptor* field = object.GetDescriptor()->FindFieldByName("metadata");
  PERIGEE_ASSERT(field != nullptr && field->message_type() == v1::ObjectMeta::descriptor());
  return field;
}

const FieldDescriptor* SetField(const v1::Resource& resource) {
  return resource.GetReflection()->GetOneofFieldDescriptor(resource, resource.GetDescriptor()->oneof_decl(0));
}

}  // namespace

const std::vector<KindInfo>& Kinds() {
  static const auto* kinds = new std::vector<KindInfo>(BuildKinds());
  return *kinds;
}

const KindInfo* FindKind(std::string_view name) {
  const absl::string_view wanted = ToAbsl(name);
  for (const KindInfo& info : Kinds()) {
    if (absl::EqualsIgnoreCase(wanted, info.kind) || absl::EqualsIgnoreCase(wanted, info.plural) ||
        absl::EqualsIgnoreCase(wanted, info.short_name)) {
      return &info;
    }
  }
  return nullptr;
}

std::string NearestKind(std::string_view name) {
  constexpr size_t kLimit = 3;
  std::string best;
  size_t best_distance = kLimit + 1;
  for (const KindInfo& info : Kinds()) {
    const size_t distance =
        std::min(EditDistance(name, info.kind, kLimit), EditDistance(name, info.plural, kLimit));
    if (distance < best_distance && distance < info.kind.size() / 2 + 1) {
      best_distance = distance;
      best = info.kind;
    }
  }
  return best;
}

const KindInfo& KindOf(const Message& object) {
  for (const KindInfo& info : Kinds()) {
    if (info.field->message_type() == object.GetDescriptor()) return info;
  }
  PERIGEE_ASSERT(false && "a message that is no kind");
}

const v1::ObjectMeta& MetaOf(const Message& object) {
  return static_cast<const v1::ObjectMeta&>(
      object.GetReflection()->GetMessage(object, MetadataField(object)));
}

v1::ObjectMeta& MutableMeta(Message& object) {
  return static_cast<v1::ObjectMeta&>(
      *object.GetReflection()->MutableMessage(&object, MetadataField(object)));
}

bool HasObject(const v1::Resource& resource) {
  return SetField(resource) != nullptr;
}

const Message& ObjectOf(const v1::Resource& resource) {
  const FieldDescriptor* field = SetField(resource);
  PERIGEE_ASSERT(field != nullptr);
  return resource.GetReflection()->GetMessage(resource, field);
}

Message& MutableObject(v1::Resource& resource, const KindInfo& kind) {
  return *resource.GetReflection()->MutableMessage(&resource, kind.field);
}

v1::Resource WrapObject(const Message& object) {
  v1::Resource resource;
  MutableObject(resource, KindOf(object)).CopyFrom(object);
  return resource;
}

std::unique_ptr<Message> NewObject(const KindInfo& kind) {
  const Message* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(kind.field->message_type());
  return std::unique_ptr<Message>(prototype->New());
}

v1::ObjectReference ReferenceTo(const Message& object) {
  v1::ObjectReference reference;
  reference.set_kind(KindOf(object).kind);
  const v1::ObjectMeta& meta = MetaOf(object);
  reference.set_project(meta.project());
  reference.set_name(meta.name());
  reference.set_uid(meta.uid());
  return reference;
}

}  // namespace perigee
