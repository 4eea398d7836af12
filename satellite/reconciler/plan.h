// All replicas of a satellite at once: a snapshot in, a plan out. Pure.
//
//   Plan plan = MakePlan(ParseDesired(entries, kept, features), snapshot);
//   state.Record(plan.books, events of plan);   // persist...
//   for (auto& action : plan.actions) ...       // ...then act, one at a time per replica
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "satellite/reconciler/step.h"
#include "satellite/state/state.h"
#include "shared/session/entries.h"

namespace perigee::satellite {

// The entries of a satellite, parsed once per change.
struct Desired {
  std::map<std::string, WantedReplica> wanted;       // by replica id
  std::map<std::string, std::vector<Leave>> leaves;  // by replica id
  // By replica id: digest (hex) -> policy and entry, of wanted and kept versions.
  std::map<std::string, std::map<std::string, ReplicaPolicy>> policies;
  std::map<std::string, std::map<std::string, v1::ReplicaEntry>> entries;
  // Config and secret entries by key.
  std::map<std::string, v1::ConfigEntry> configs;
  std::map<std::string, v1::SecretEntry> secrets;
  v1::SiteValues site;
  v1::TrustRoots trust;
  std::vector<v1::Applied::Refusal> refused;
};

// An entry that cannot be read is refused, not fatal. `features`: of this agent.
Desired ParseDesired(const std::vector<StoredEntry>& entries, const std::vector<StoredEntry>& kept,
                     const std::vector<std::string>& features);

struct Snapshot {
  absl::Duration now;
  absl::Time wall;
  std::string boot_id;
  bool applied = false;
  bool connected = false;
  bool adopting = false;
  // What runs is known. False (the launcher is down): nothing is done, statuses stay.
  bool seen_known = false;
  std::optional<absl::Duration> last_answer;
  std::map<std::string, SeenReplica> seen;
  std::map<std::string, StartFailure> failures;
  std::set<std::string> busy;
  std::map<std::string, ReplicaBook> books;
};

struct Plan {
  std::vector<ReplicaBook> books;    // that changed
  std::vector<std::string> forgets;  // ids whose books are of no more use
  std::vector<ReplicaAction> actions;
  std::vector<std::pair<std::string, ReplicaEvent>> events;  // replica id, event
  std::map<std::string, v1::ReplicaStatus> statuses;         // of all replicas
  absl::Duration wake = absl::InfiniteDuration();
};

Plan MakePlan(const Desired& desired, const Snapshot& snapshot);

// Kept entries that something may still be started from: current and previous versions, with their configs and secrets.
std::set<EntryVersion> NeededVersions(const std::vector<StoredEntry>& kept,
                                      const std::map<std::string, ReplicaBook>& books);

}  // namespace perigee::satellite
