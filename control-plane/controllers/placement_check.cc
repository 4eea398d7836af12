#include "control-plane/controllers/placement_check.h"

#include "control-plane/placement/placement.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

Opinion Refuse(const absl::Status& why) {
  Opinion opinion;
  v1::FieldError& error = opinion.errors.emplace_back();
  error.set_field("spec.template.tasks[0].resources");
  error.set_message(std::string(ToStd(why.message())));
  return opinion;
}

Opinion Judge(const Model& model, const v1::Workload& workload) {
  const auto project =
      std::dynamic_pointer_cast<const v1::Project>(model.Get("Project", "", workload.metadata().project()));
  const auto wanted = WantedOf(workload, project.get());
  if (!wanted.ok()) return Refuse(wanted.status());
  std::vector<PlaceSite> sites;
  std::vector<PlaceHost> hosts;
  for (const auto& object : model.List("Site")) {
    sites.push_back(SiteOf(static_cast<const v1::Site&>(*object)));
    for (const auto& satellite : model.SatellitesOfSite(sites.back().uid)) {
      hosts.push_back(HostOf(static_cast<const v1::Satellite&>(*satellite)));
    }
  }
  const absl::Status possible = CheckPossible(*wanted, sites, hosts);
  return possible.ok() ? Opinion{} : Refuse(possible);
}

}  // namespace

PlacementCheck CheckAgainst(const Model& model) {
  return [&model](const v1::Workload& workload) { return Judge(model, workload); };
}

}  // namespace perigee::control
