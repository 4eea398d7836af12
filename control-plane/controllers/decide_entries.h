// Which entries a satellite should have. Pure but for the sealer. What runs is
// changed only under a permit that has not been used; what is stored and still
// right stays byte for byte. What is put at once fits a transaction, what is put in all can be delivered: what never
// could is a problem (RESOURCE_EXHAUSTED), said instead of stored.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "control-plane/controllers/snapshot.h"

namespace perigee::control {

struct EntriesPlan {
  std::vector<v1::StoredEntry> puts;  // with the new sequence
  std::vector<std::string> deletes;   // entry keys
  v1::StoredHead head;
  std::map<std::string, absl::Status> problems;  // assignment uid -> why it could not be compiled
  // More is due than one sequence may put: decide again once this is stored.
  bool more = false;
  bool changes() const { return !puts.empty() || !deletes.empty(); }
};

// The word of the reason table for one of `problems`.
std::string_view ReasonOfProblem(const absl::Status& problem);

// `sequence`: of the stored head.
EntriesPlan DecideEntries(const SatelliteSnapshot& snapshot, const StoredEntries& stored, uint64_t sequence,
                          Sealer& sealer, absl::Time now);

}  // namespace perigee::control
