#include "control-plane/placement/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/resource/quantity.h"

namespace perigee::control {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

int64_t Quantity(std::string_view text) {
  return *ParseQuantity(text);
}

PlaceHost Host(const std::string& name, const std::string& site, std::string_view cpu = "4",
               std::string_view memory = "8Gi") {
  return {.uid = name,
          .name = name,
          .site_uid = site,
          .capacity = {{"cpu", Quantity(cpu)}, {"memory", Quantity(memory)}},
          .live = true};
}

PlaceSite Site(const std::string& name, const std::string& country = "de") {
  PlaceSite site{.uid = name, .name = name};
  site.labels["country"] = country;
  return site;
}

Placed Replica(const std::string& uid, const std::string& workload, const std::string& host, int ordinal,
               Needs needs = {}) {
  return {.assignment_uid = uid,
          .workload_uid = workload,
          .workload = workload,
          .satellite_uid = host,
          .ordinal = ordinal,
          .needs = std::move(needs)};
}

PlacementInput World() {
  PlacementInput input;
  input.wanted.workload_uid = "web";
  input.sites = {Site("berlin"), Site("dublin", "ie")};
  input.hosts = {Host("berlin-1", "berlin"), Host("berlin-2", "berlin"), Host("dublin-1", "dublin")};
  return input;
}

TEST(Placement, OneAtEachSiteByDefault) {
  EXPECT_THAT(Place(World()).creations,
              ElementsAre(Creation{"berlin", "berlin-1", 0}, Creation{"dublin", "dublin-1", 0}));
}

TEST(Placement, SelectsSitesAndSatellitesAndWhatTheProjectMayUse) {
  PlacementInput input = World();
  (*input.wanted.sites.mutable_match_labels())["country"] = "de";
  EXPECT_THAT(Place(input).creations, ElementsAre(Creation{"berlin", "berlin-1", 0}));

  input.hosts[1].labels["disk"] = "ssd";
  (*input.wanted.satellites.mutable_match_labels())["disk"] = "ssd";
  EXPECT_THAT(Place(input).creations, ElementsAre(Creation{"berlin", "berlin-2", 0}));

  (*input.wanted.project_sites.mutable_match_labels())["country"] = "ie";
  EXPECT_THAT(Place(input).sites, IsEmpty());
}

TEST(Placement, SpreadsOverHostsThenDoublesUp) {
  PlacementInput input = World();
  input.sites = {Site("berlin")};
  input.wanted.replicas_per_site = 3;
  EXPECT_THAT(Place(input).creations,
              ElementsAre(Creation{"berlin", "berlin-1", 0}, Creation{"berlin", "berlin-2", 1},
                          Creation{"berlin", "berlin-1", 2}));
}

TEST(Placement, PrefersTheMostFreeHostAndALiveOne) {
  PlacementInput input = World();
  input.sites = {Site("berlin")};
  input.placed = {Replica("x", "other", "berlin-1", 0, {.resources = {{"cpu", Quantity("2")}}})};
  EXPECT_THAT(Place(input).creations, ElementsAre(Creation{"berlin", "berlin-2", 0}));
  input.hosts[1].live = false;
  EXPECT_THAT(Place(input).creations, ElementsAre(Creation{"berlin", "berlin-1", 0}));
}

TEST(Placement, AnExistingReplicaIsNeverMoved) {
  PlacementInput input = World();
  input.sites = {Site("berlin")};
  input.placed = {Replica("x", "other", "berlin-1", 0, {.resources = {{"cpu", Quantity("4")}}}),
                  Replica("a", "web", "berlin-1", 0)};
  input.hosts[0].live = false;
  input.hosts[0].closed = "cordoned";
  const PlacementPlan plan = Place(input);
  EXPECT_THAT(plan.keep, ElementsAre("a"));
  EXPECT_THAT(plan.creations, IsEmpty());
  EXPECT_THAT(plan.removals, IsEmpty());
}

TEST(Placement, ClosedHostsGetNothingNew) {
  for (const char* why : {"cordoned", "revoked", "quarantined", "draining"}) {
    SCOPED_TRACE(why);
    PlacementInput input = World();
    for (auto& host : input.hosts) host.closed = why;
    const PlacementPlan plan = Place(input);
    EXPECT_THAT(plan.creations, IsEmpty());
    ASSERT_THAT(plan.sites, SizeIs(2));
    EXPECT_EQ(plan.sites[0].reason, "NoSatellite");
    EXPECT_THAT(plan.sites[0].message, HasSubstr(why));
  }
}

TEST(Placement, AnUnselectedSiteLosesItsReplicas) {
  PlacementInput input = World();
  input.placed = {Replica("a", "web", "berlin-1", 0), Replica("b", "web", "dublin-1", 0),
                  Replica("c", "other", "dublin-1", 0)};
  (*input.wanted.sites.mutable_match_labels())["country"] = "de";
  const PlacementPlan plan = Place(input);
  EXPECT_THAT(plan.keep, ElementsAre("a"));
  EXPECT_THAT(plan.removals, ElementsAre(Removal{"b", "Removed"}));
}

TEST(Placement, ScalingDownRemovesTheHighestOrdinals) {
  PlacementInput input = World();
  input.sites = {Site("berlin")};
  input.placed = {Replica("a", "web", "berlin-1", 1), Replica("b", "web", "berlin-2", 0)};
  const PlacementPlan plan = Place(input);
  EXPECT_THAT(plan.keep, ElementsAre("b"));
  EXPECT_THAT(plan.removals, ElementsAre(Removal{"a", "Removed"}));
}

TEST(Placement, SaysWhichResourceIsShortByHowMuchAndWhere) {
  PlacementInput input = World();
  input.sites = {Site("berlin")};
  input.hosts = {Host("berlin-1", "berlin", "4", "1Gi")};
  input.wanted.needs.resources = {{"memory", Quantity("512Mi")}};
  input.placed = {Replica("x", "other", "berlin-1", 0, {.resources = {{"memory", Quantity("768Mi")}}})};
  const PlacementPlan plan = Place(input);
  ASSERT_THAT(plan.sites, SizeIs(1));
  EXPECT_EQ(plan.sites[0].reason, "NoFit");
  EXPECT_THAT(plan.sites[0].message,
              AllOf(HasSubstr("site berlin"),
                    HasSubstr("berlin-1: memory is short by 256Mi (asks 512Mi, free 256Mi of 1Gi)")));
}

TEST(Placement, FixedPortsAreTakenOnceTcpAndUdpApart) {
  PlacementInput input = World();
  input.sites = {Site("dublin")};
  input.placed = {Replica("x", "dns", "dublin-1", 0, {.udp_ports = {53}})};
  input.wanted.needs.tcp_ports = {53};
  EXPECT_THAT(Place(input).creations, SizeIs(1));
  input.wanted.needs = {.udp_ports = {53}};
  const PlacementPlan plan = Place(input);
  EXPECT_THAT(plan.creations, IsEmpty());
  EXPECT_EQ(plan.sites[0].reason, "HostPortConflict");
  EXPECT_THAT(plan.sites[0].message, HasSubstr("port 53/udp is taken by workload dns"));
}

TEST(Placement, AbsentCapacityDoesNotLimit) {
  PlacementInput input = World();
  for (auto& host : input.hosts) host.capacity.clear();
  input.wanted.needs.resources = {{"cpu", Quantity("100")}, {"pids", Quantity("64")}};
  EXPECT_THAT(Place(input).creations, SizeIs(2));
}

TEST(Placement, AReplicaOnItsWayOutTakesRoomButIsReplaced) {
  PlacementInput input = World();
  input.sites = {Site("dublin")};
  input.placed = {Replica("a", "web", "dublin-1", 0, {.resources = {{"cpu", Quantity("3")}}})};
  input.placed[0].leaving = true;
  input.wanted.needs.resources = {{"cpu", Quantity("2")}};
  EXPECT_EQ(Place(input).sites[0].reason, "NoFit");
  input.wanted.needs.resources = {{"cpu", Quantity("1")}};
  EXPECT_THAT(Place(input).creations, SizeIs(1));
}

TEST(Placement, WhatDoesNotFitAnyMoreStaysAsItWas) {
  PlacementInput input = World();
  input.sites = {Site("dublin")};
  input.placed = {Replica("a", "web", "dublin-1", 0, {.resources = {{"cpu", Quantity("1")}}}),
                  Replica("x", "other", "dublin-1", 0, {.resources = {{"cpu", Quantity("2")}}})};
  input.wanted.needs.resources = {{"cpu", Quantity("3")}};
  const PlacementPlan plan = Place(input);
  EXPECT_THAT(plan.keep, ElementsAre("a"));
  ASSERT_THAT(plan.cramped, SizeIs(1));
  EXPECT_EQ(plan.cramped[0].reason, "NoFit");
  input.wanted.needs.resources = {{"cpu", Quantity("2")}};
  EXPECT_THAT(Place(input).cramped, IsEmpty());
}

TEST(Placement, ADeletedWorkloadLosesAll) {
  PlacementInput input = World();
  input.wanted.leaving = true;
  input.placed = {Replica("a", "web", "berlin-1", 0)};
  const PlacementPlan plan = Place(input);
  EXPECT_THAT(plan.removals, ElementsAre(Removal{"a", "Deleting"}));
  EXPECT_THAT(plan.creations, IsEmpty());
}

TEST(CheckPossible, AnAskBeyondEveryHostIsAnError) {
  const PlacementInput world = World();
  Wanted wanted = world.wanted;
  EXPECT_TRUE(CheckPossible(wanted, world.sites, world.hosts).ok());
  wanted.needs.resources = {{"cpu", Quantity("5")}};
  const absl::Status impossible = CheckPossible(wanted, world.sites, world.hosts);
  EXPECT_EQ(impossible.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(impossible.message()), HasSubstr("berlin-1: cpu is short by 1"));
  EXPECT_TRUE(CheckPossible(wanted, world.sites, {}).ok()) << "hosts may come";
  EXPECT_TRUE(
      CheckPossible(wanted, world.sites, {Host("berlin-1", "berlin"), Host("big", "dublin", "8")}).ok());
}

TEST(Needs, RoundTripThroughTheAssignment) {
  const Needs needs{
      .resources = {{"cpu", 500}, {"memory", Quantity("256Mi")}}, .tcp_ports = {53, 80}, .udp_ports = {53}};
  v1::Assignment assignment;
  SetNeeds(needs, *assignment.mutable_spec());
  EXPECT_EQ(NeedsOf(assignment), needs);
}

TEST(Needs, OfATemplate) {
  v1::WorkloadTemplate workload_template;
  v1::WorkloadTask& task = *workload_template.add_tasks();
  (*task.mutable_resources())["cpu"] = "250m";
  task.add_ports()->set_port(8080);
  v1::Port& mapped = *task.add_ports();
  mapped.set_port(53);
  mapped.mutable_host()->set_number(5353);
  mapped.set_protocol("udp");
  v1::Port& chosen = *task.add_ports();
  chosen.set_port(9090);
  chosen.mutable_host()->set_mode("auto");
  const auto needs = NeedsOf(workload_template);
  ASSERT_TRUE(needs.ok());
  EXPECT_EQ(*needs, (Needs{.resources = {{"cpu", 250}}, .tcp_ports = {8080}, .udp_ports = {5353}}));
}

}  // namespace
}  // namespace perigee::control
