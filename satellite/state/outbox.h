// Events that the centre has not confirmed, in the database of the site's state. Invariants: an event is numbered once
// and for ever; at limits::kOutboxEvents the oldest go, and that is one event with the sum. Not thread-safe: under the
// lock of the state that owns it.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/perigee/v1/event.pb.h"
#include "satellite/state/notes.h"
#include "shared/sqlite/database.h"

namespace perigee::satellite {

class Outbox {
 public:
  Outbox(Database& database, Notes& notes) : db_(database), notes_(notes) {}

  // In a transaction of the caller's.
  absl::Status Add(const std::vector<v1::Event>& events);
  absl::StatusOr<std::vector<v1::Event>> After(uint64_t sequence, int limit);
  // The centre has everything up to and including `sequence`. In a transaction of the caller's.
  absl::Status Acknowledge(uint64_t sequence);

 private:
  absl::StatusOr<uint64_t> AddOne(const v1::Event& event);
  absl::Status Bound(const v1::Event& newest);
  absl::StatusOr<int64_t> Count();
  absl::StatusOr<int64_t> DropOldest(int64_t count);
  absl::StatusOr<int64_t> NumberOf(const char* note);

  Database& db_;
  Notes& notes_;
};

}  // namespace perigee::satellite
