// What a satellite must not forget: SQLite at D/state.db, synchronous=FULL.
// Invariants: what is acted upon was persisted before; the applied (epoch,
// sequence) never falls and comes with its root whole (a crash at any instant
// leaves old or new); an entry that something may still be started from is kept
// after the centre has replaced it; events are numbered once and for ever.
//
//   PERIGEE_ASSIGN_OR_RETURN(auto state, SiteState::Open(dir + "/state.db"));
//   PERIGEE_ASSIGN_OR_RETURN(DeltaPlan plan, PlanDelta(*state->ReadApplied(), delta, uid, delivery_keys));
//   PERIGEE_RETURN_IF_ERROR(state->Persist(plan, time_floor));   // then answer Applied(...)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/perigee/v1/event.pb.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "satellite/state/replica_book.h"
#include "shared/session/delta.h"

namespace perigee::satellite {

struct Head {
  v1::Epoch epoch;
  uint64_t sequence = 0;
  std::string root;  // 32 bytes; empty: nothing was ever applied
  // No clock of this host is believed to be before it. Never falls.
  absl::Time time_floor = absl::UnixEpoch();
};

struct StoredEntry {
  std::string key;
  std::string payload;   // serialized v1::EntryPayload
  std::string sha256;    // 32 bytes
  bool damaged = false;  // the bytes on disk are no longer those that were signed; payload is empty
};
// Key and digest (32 bytes): one version of one entry.
using EntryVersion = std::pair<std::string, std::string>;

// Thread-safe.
class SiteState {
 public:
  // Makes the database if there is none. DATA_LOSS when it is damaged.
  static absl::StatusOr<std::unique_ptr<SiteState>> Open(const std::string& path);
  virtual ~SiteState() = default;

  // Whose state this is, from now on. When it was another satellite's (this host was enrolled anew), its entries,
  // books, events and applied head are forgotten, in one transaction; the time floor and the numbers of events go on.
  // `replaces`: whom that satellite took the place of, for a state that does not say whose it is. Returns whether
  // anything was forgotten.
  virtual absl::StatusOr<bool> BelongTo(const std::string& satellite_uid,
                                        const std::string& replaces = "") = 0;

  virtual absl::StatusOr<Head> ReadHead() = 0;
  // What the centre may build on. With a damaged entry that is nothing (no epoch, sequence or root), so that the
  // centre sends a snapshot; the digest of a damaged entry is empty, so that it is put again. The head stays, and
  // nothing older than it is taken.
  virtual absl::StatusOr<AppliedState> ReadApplied() = 0;
  // Entries as the centre last signed them, in order of their keys. A damaged one is there, and says so: it is not
  // one that the centre has deleted.
  virtual absl::StatusOr<std::vector<StoredEntry>> Entries() = 0;
  // Entries that were replaced or deleted since and are still kept. Without damaged ones.
  virtual absl::StatusOr<std::vector<StoredEntry>> KeptEntries() = 0;
  // Persists a plan that PlanDelta has verified, in one transaction; entries that it replaces or deletes are kept.
  // Checks again what can be: the head never falls (OUT_OF_RANGE), one pair has one root (ALREADY_EXISTS), the root is
  // that of the entries (DATA_LOSS).
  virtual absl::Status Persist(const DeltaPlan& plan, absl::Time time_floor) = 0;
  // Forgets kept entries other than these.
  virtual absl::Status KeepOnly(const std::set<EntryVersion>& needed) = 0;

  virtual absl::StatusOr<std::vector<ReplicaBook>> Books() = 0;
  // Books, and the events that tell of them, in one transaction. Gives the events their sequences. At
  // limits::kOutboxEvents the oldest go, and that is an event.
  virtual absl::Status Record(const std::vector<ReplicaBook>& books, std::vector<v1::Event> events) = 0;
  virtual absl::Status DeleteBook(const std::string& id) = 0;

  virtual absl::StatusOr<std::vector<v1::Event>> EventsAfter(uint64_t sequence, int limit) = 0;
  // The centre has everything up to and including `sequence`.
  virtual absl::Status AcknowledgeEvents(uint64_t sequence) = 0;

  // Small facts about the satellite itself, such as the boot it last ran on. Empty when never written.
  virtual absl::StatusOr<std::string> ReadNote(const std::string& name) = 0;
  virtual absl::Status WriteNote(const std::string& name, const std::string& text) = 0;
};

}  // namespace perigee::satellite
