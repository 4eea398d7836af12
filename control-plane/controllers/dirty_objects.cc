#include "control-plane/controllers/dirty_objects.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/sha256.h"
#include "shared/resource/registry.h"
#include "shared/resource/text.h"

namespace perigee::control {
namespace {

std::string RevisionOf(const google::protobuf::Message& object) {
  return absl::StrCat(MetaOf(object).revision());
}

// Whether some of its replicas wait for room.
bool LacksRoom(const v1::Workload& workload) {
  for (const auto& site : workload.status().sites()) {
    for (const auto& condition : site.conditions()) {
      if (condition.type() == "Placed" || condition.type() == "Updated") return true;
    }
  }
  return false;
}

}  // namespace

bool DirtyObjects::IsNews(const std::string& uid, std::string content, bool deleted) {
  if (deleted) {
    seen_.erase(uid);
    return true;
  }
  auto [it, is_new] = seen_.try_emplace(uid, content);
  if (is_new) return true;
  return std::exchange(it->second, std::move(content)) != it->second;
}

void DirtyObjects::MarkWorkloads(const Model& model, std::string_view project) {
  for (const auto& workload : model.List("Workload", project)) workloads_.insert(MetaOf(*workload).uid());
}

void DirtyObjects::MarkWaitingForRoom(const Model& model) {
  for (const auto& workload : model.List("Workload")) {
    if (LacksRoom(static_cast<const v1::Workload&>(*workload))) workloads_.insert(MetaOf(*workload).uid());
  }
}

void DirtyObjects::MarkAll(const Model& model) {
  MarkWorkloads(model, "");
  for (const auto& satellite : model.List("Satellite")) satellites_.insert(MetaOf(*satellite).uid());
  for (const auto& site : model.List("Site")) sites_.insert(MetaOf(*site).uid());
  housekeeping_ = true;
}

void DirtyObjects::MarkOfSatellite(const Model& model, const ModelChange& change) {
  const auto& satellite = static_cast<const v1::Satellite&>(*change.object);
  const std::string& uid = satellite.metadata().uid();
  const std::string what =
      absl::StrCat(RevisionOf(satellite), " ", Sha256(CanonicalBytes(satellite.status().facts())), " ",
                   Sha256(satellite.status().sealing_certificate()));
  if (IsNews(uid, what, change.deleted)) {
    satellites_.insert(uid);
    sites_.insert(satellite.spec().site_uid());
    MarkWorkloads(model, "");
  }
  if (IsNews(absl::StrCat(uid, "/freshness"), satellite.status().freshness().state(), change.deleted)) {
    sites_.insert(satellite.spec().site_uid());
    for (const auto& assignment : model.AssignmentsOfSatellite(uid)) {
      workloads_.insert(static_cast<const v1::Assignment&>(*assignment).spec().workload_uid());
    }
  }
}

void DirtyObjects::Mark(const Model& model, const ModelChange& change) {
  const v1::ObjectMeta& meta = MetaOf(*change.object);
  if (change.kind == "Assignment") {
    const auto& assignment = static_cast<const v1::Assignment&>(*change.object);
    workloads_.insert(assignment.spec().workload_uid());
    satellites_.insert(assignment.spec().satellite_uid());
    sites_.insert(assignment.spec().site_uid());
    if (change.deleted) MarkWaitingForRoom(model);
  } else if (change.kind == "Satellite") {
    MarkOfSatellite(model, change);
  } else if (!IsNews(meta.uid(), RevisionOf(*change.object), change.deleted)) {
    return;  // a status, written by these very controllers
  } else if (change.kind == "Workload") {
    if (!change.deleted) workloads_.insert(meta.uid());
  } else if (change.kind == "Config" || change.kind == "Secret") {
    MarkWorkloads(model, meta.project());
    if (meta.has_deleting_since()) housekeeping_ = true;
  } else if (change.kind == "Project") {
    MarkWorkloads(model, meta.name());
  } else if (change.kind == "Site") {
    MarkWorkloads(model, "");
    sites_.insert(meta.uid());
    for (const auto& satellite : model.SatellitesOfSite(meta.uid()))
      satellites_.insert(MetaOf(*satellite).uid());
  } else if (change.kind == "EnrollmentToken") {
    housekeeping_ = true;
  }
}

std::set<std::string> DirtyObjects::TakeWorkloads() {
  return std::exchange(workloads_, {});
}
std::set<std::string> DirtyObjects::TakeSatellites() {
  return std::exchange(satellites_, {});
}
std::set<std::string> DirtyObjects::TakeSites() {
  return std::exchange(sites_, {});
}
bool DirtyObjects::TakeHousekeeping() {
  return std::exchange(housekeeping_, false);
}

}  // namespace perigee::control
