// How the agent puts what it knows: events, conditions of the satellite, rows of the local view. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/perigee/v1/event.pb.h"
#include "satellite/agent/local_view.h"
#include "satellite/reconciler/plan.h"
#include "satellite/runtime/runtime.h"

namespace perigee::satellite {

struct EventSource {
  std::string site;
  std::string satellite;
  std::string boot_id;
};

v1::Event MakeEvent(const EventSource& source, const ReplicaEvent& event, absl::Time at);
// The entry of a replica that names it best: the version of digest `sha256` (hex), else any. Null when none is at hand.
const v1::ReplicaEntry* EntryOf(const Desired& desired, const std::string& id, const std::string& sha256);
v1::Event MakeReplicaEvent(const EventSource& source, const std::string& id, const v1::ReplicaEntry* entry,
                           const ReplicaEvent& event, absl::Time at);

struct SatelliteFacets {
  std::string launcher_problem;  // empty: it answers
  std::string state_problem;     // empty: the state can be written
  const std::map<std::string, Observed>* observed = nullptr;
  std::set<std::string> strangers;  // ids of replicas that another agent started
};
// With the times of `before` where the status has not changed.
std::vector<v1::Condition> MakeConditions(const SatelliteFacets& facets,
                                          const std::vector<v1::Condition>& before, absl::Time at);
// Those that are not "True", as lines for people.
std::vector<std::string> ProblemsOf(const std::vector<v1::Condition>& conditions);

LocalReplica RowOf(const std::string& id, const v1::ReplicaEntry* entry, const v1::ReplicaStatus& status);
// As it was last recorded.
LocalReplica RowOfBook(const ReplicaBook& book, const v1::ReplicaEntry* entry);

}  // namespace perigee::satellite
