// Objects as the control plane would show them.
#pragma once

#include <string>

#include "proto/perigee/v1/resource.pb.h"

namespace perigee::control {

inline v1::Resource Site(const std::string& name, const std::string& country) {
  v1::Resource resource;
  v1::Site& site = *resource.mutable_site();
  site.mutable_metadata()->set_name(name);
  site.mutable_metadata()->set_uid("uid-" + name);
  (*site.mutable_metadata()->mutable_labels())["country"] = country;
  site.mutable_spec()->mutable_location()->set_city("City of " + name);
  return resource;
}

inline v1::Resource Assignment(const std::string& name, const std::string& state, const std::string& fresh) {
  v1::Resource resource;
  v1::Assignment& assignment = *resource.mutable_assignment();
  assignment.mutable_metadata()->set_name(name);
  assignment.mutable_metadata()->set_project("default");
  assignment.mutable_spec()->set_workload_uid("uid-web");
  assignment.mutable_spec()->set_satellite("berlin-1");
  assignment.mutable_status()->set_state(state);
  assignment.mutable_status()->set_reason(state);
  assignment.mutable_status()->mutable_freshness()->set_state(fresh);
  assignment.mutable_status()->mutable_freshness()->mutable_since()->set_seconds(1'767'268'980 - 180);
  return resource;
}

inline v1::Resource Workload(const std::string& name) {
  v1::Resource resource;
  v1::Workload& workload = *resource.mutable_workload();
  workload.mutable_metadata()->set_name(name);
  workload.mutable_metadata()->set_uid("uid-" + name);
  workload.mutable_metadata()->set_project("default");
  workload.mutable_status()->set_replicas(2);
  workload.mutable_status()->set_ready(1);
  auto* condition = workload.mutable_status()->add_conditions();
  condition->set_type("Ready");
  condition->set_status("False");
  condition->set_reason("ReplicasNotReady");
  condition->set_message("1 of 2 replicas are Ready");
  return resource;
}

inline v1::Resource Event(int64_t site_seconds, int64_t centre_seconds, const std::string& message) {
  v1::Resource resource;
  v1::Event& event = *resource.mutable_event();
  event.mutable_metadata()->set_name("e" + message);
  event.set_reason("Started");
  event.set_message(message);
  event.mutable_object()->set_kind("Workload");
  event.mutable_object()->set_name("web");
  event.mutable_site_time()->set_seconds(site_seconds);
  event.mutable_centre_time()->set_seconds(centre_seconds);
  return resource;
}

}  // namespace perigee::control
