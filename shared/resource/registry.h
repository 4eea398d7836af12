// The kinds of Perigee, one row each. Get, list, watch, apply, delete, printing
// and storing are driven by this table: a new kind is a message, a field of
// v1::Resource, a row here, and its validator.
//
//   const KindInfo* kind = FindKind("wl");            // Workload
//   v1::Resource resource;
//   MutableMeta(MutableObject(resource, *kind)).set_name("web");
//
// Everything here is constant after the first call and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"
#include "proto/perigee/v1/resource.pb.h"

namespace perigee {

inline constexpr std::string_view kApiVersion = "perigee.dev/v1";
inline constexpr std::string_view kDefaultProject = "default";

struct KindInfo {
  std::string kind;        // "Workload"
  std::string plural;      // "workloads"
  std::string short_name;  // "wl"
  bool project_scoped = false;
  bool applicable = false;  // a manifest may create or change it
  std::string not_yet;      // why this release does not serve it; empty when it does
  const google::protobuf::FieldDescriptor* field = nullptr;  // in v1::Resource
};

// By kind, plural or short name, in any case; null when there is none.
const KindInfo* FindKind(std::string_view name);
// In the order of the schema, those of a later release included.
const std::vector<KindInfo>& Kinds();
// Of an object such as v1::Workload; aborts for any other message.
const KindInfo& KindOf(const google::protobuf::Message& object);
// The kind whose spelling is nearest to `name`; empty when none is near.
std::string NearestKind(std::string_view name);

const v1::ObjectMeta& MetaOf(const google::protobuf::Message& object);
v1::ObjectMeta& MutableMeta(google::protobuf::Message& object);

// The object inside; aborts when `resource` is empty.
const google::protobuf::Message& ObjectOf(const v1::Resource& resource);
bool HasObject(const v1::Resource& resource);
// The object of that kind inside, made when it is not there.
google::protobuf::Message& MutableObject(v1::Resource& resource, const KindInfo& kind);
v1::Resource WrapObject(const google::protobuf::Message& object);
std::unique_ptr<google::protobuf::Message> NewObject(const KindInfo& kind);

v1::ObjectReference ReferenceTo(const google::protobuf::Message& object);

}  // namespace perigee
