#include "control-plane/watch/index.h"

#include "control-plane/store/keys.h"
#include "control-plane/watch/codec.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/event.pb.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;

std::pair<std::string, std::string> NameOf(const Message& object) {
  return {MetaOf(object).project(), MetaOf(object).name()};
}

absl::StatusOr<std::optional<ObjectChange>> ReadEvent(const std::string& value) {
  auto event = std::make_shared<v1::Event>();
  if (!event->ParseFromString(value))
    return absl::DataLossError("the store holds an Event that cannot be read");
  return ObjectChange{"Event", std::move(event), false};
}

}  // namespace

absl::StatusOr<std::optional<ObjectChange>> Index::Apply(std::string_view key,
                                                         const std::optional<std::string>& value,
                                                         int64_t revision) {
  if (auto intent = keys::ParseIntent(key)) {
    const Name name(intent->project, intent->name);
    return value.has_value() ? PutIntent(intent->kind, name, *value, revision)
                             : DeleteIntent(intent->kind, name);
  }
  if (auto status = keys::ParseStatus(key)) return ChangeStatus(status->kind, status->uid, value);
  if (value.has_value() && keys::ParseEvent(key).has_value()) return ReadEvent(*value);
  return std::nullopt;
}

Index::StatusOrChange Index::PutIntent(const std::string& kind, const Name& name, const std::string& value,
                                       int64_t revision) {
  PERIGEE_ASSIGN_OR_RETURN(std::unique_ptr<Message> object, DecodeIntent(kind, value, revision));
  Kind& of_kind = kinds_[kind];
  const std::string uid = MetaOf(*object).uid();
  // Parks the status of the one before; if that was the same object, it is taken back at once.
  if (of_kind.by_name.contains(name)) PERIGEE_RETURN_IF_ERROR(DeleteIntent(kind, name));
  if (auto waiting = of_kind.status.find(uid); waiting != of_kind.status.end()) {
    PERIGEE_RETURN_IF_ERROR(MergeStatus(waiting->second, *object));
    of_kind.status.erase(waiting);
  }
  Relate(*object, true);
  ObjectPtr shared = std::move(object);
  of_kind.by_name[name] = shared;
  of_kind.by_uid[uid] = shared;
  return ObjectChange{kind, std::move(shared), false};
}

Index::StatusOrChange Index::DeleteIntent(const std::string& kind, const Name& name) {
  Kind& of_kind = kinds_[kind];
  const auto found = of_kind.by_name.find(name);
  if (found == of_kind.by_name.end()) return std::nullopt;
  ObjectPtr object = found->second;
  const std::string& uid = MetaOf(*object).uid();
  if (HasStatus(*object)) of_kind.status[uid] = EncodeStatus(*object);
  Relate(*object, false);
  of_kind.by_name.erase(found);
  const auto same_uid = of_kind.by_uid.find(uid);
  if (same_uid != of_kind.by_uid.end() && same_uid->second == object) of_kind.by_uid.erase(same_uid);
  return ObjectChange{kind, std::move(object), true};
}

Index::StatusOrChange Index::ChangeStatus(const std::string& kind, const std::string& uid,
                                          const std::optional<std::string>& value) {
  Kind& of_kind = kinds_[kind];
  const auto found = of_kind.by_uid.find(uid);
  if (found == of_kind.by_uid.end()) {
    if (value.has_value()) {
      of_kind.status[uid] = *value;
    } else {
      of_kind.status.erase(uid);
    }
    return std::nullopt;
  }
  // Objects are shared with readers and never change: a new one with the new status.
  std::unique_ptr<Message> object(found->second->New());
  object->CopyFrom(*found->second);
  PERIGEE_RETURN_IF_ERROR(MergeStatus(value.value_or(""), *object));
  ObjectPtr shared = std::move(object);
  of_kind.by_name[NameOf(*shared)] = shared;
  found->second = shared;
  return ObjectChange{kind, std::move(shared), false};
}

void Index::Relate(const Message& object, bool add) {
  const auto set = [&](Relation relation, const std::string& uid) {
    if (uid.empty()) return;
    const auto key = std::make_pair(relation, uid);
    if (add) {
      related_[key].insert(NameOf(object));
      return;
    }
    const auto found = related_.find(key);
    if (found == related_.end()) return;
    found->second.erase(NameOf(object));
    if (found->second.empty()) related_.erase(found);
  };
  if (const auto* assignment = dynamic_cast<const v1::Assignment*>(&object)) {
    set(Relation::kAssignmentOfWorkload, assignment->spec().workload_uid());
    set(Relation::kAssignmentOfSatellite, assignment->spec().satellite_uid());
  } else if (const auto* satellite = dynamic_cast<const v1::Satellite*>(&object)) {
    set(Relation::kSatelliteOfSite, satellite->spec().site_uid());
  }
}

ObjectPtr Index::Get(std::string_view kind, std::string_view project, std::string_view name) const {
  const auto of_kind = kinds_.find(kind);
  if (of_kind == kinds_.end()) return nullptr;
  const auto found = of_kind->second.by_name.find(Name(project, name));
  return found == of_kind->second.by_name.end() ? nullptr : found->second;
}

ObjectPtr Index::GetByUid(std::string_view kind, std::string_view uid) const {
  const auto of_kind = kinds_.find(kind);
  if (of_kind == kinds_.end()) return nullptr;
  const auto found = of_kind->second.by_uid.find(ToAbsl(uid));
  return found == of_kind->second.by_uid.end() ? nullptr : found->second;
}

std::vector<ObjectPtr> Index::List(std::string_view kind, std::string_view project) const {
  std::vector<ObjectPtr> objects;
  const auto of_kind = kinds_.find(kind);
  if (of_kind == kinds_.end()) return objects;
  const auto& by_name = of_kind->second.by_name;
  for (auto next = by_name.lower_bound(Name(project, "")); next != by_name.end(); ++next) {
    if (!project.empty() && next->first.first != project) break;
    objects.push_back(next->second);
  }
  return objects;
}

std::vector<ObjectPtr> Index::Related(Relation relation, std::string_view uid) const {
  std::vector<ObjectPtr> objects;
  const auto found = related_.find(std::make_pair(relation, std::string(uid)));
  if (found == related_.end()) return objects;
  const char* const kind = relation == Relation::kSatelliteOfSite ? "Satellite" : "Assignment";
  const auto& by_name = kinds_.find(kind)->second.by_name;
  for (const Name& name : found->second) objects.push_back(by_name.at(name));
  return objects;
}

}  // namespace perigee::control
