// Building and applying deltas. Invariants, whatever is replayed, reordered or doubled: what a satellite has
// applied never falls in (epoch number, sequence), and one pair always means one root. Pure: applying returns
// a plan, which the satellite persists before it acts.
//
//   for (v1::Delta& part : BuildDelta(epoch, desired, &base)) Send(part);
//   ...
//   PERIGEE_ASSIGN_OR_RETURN(auto whole, assembler.Add(part));          // nullopt until the last part has
//   come PERIGEE_ASSIGN_OR_RETURN(DeltaPlan plan, PlanDelta(have, *whole, uid, delivery_keys));
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "shared/session/entries.h"

namespace perigee {

// The sequence that an epoch ended with in this store.
struct EpochMark {
  v1::Epoch epoch;
  uint64_t sequence = 0;
};

// What a satellite should have, as the control plane has stored it. Signed for the current epoch.
struct DesiredEntries {
  uint64_t sequence = 0;  // 0: nothing was ever stored for this satellite, nothing is sent
  std::map<std::string, v1::Entry> entries;
  v1::SignedRoot signed_root;
  std::vector<EpochMark> marks;  // oldest first; see StoredHead

  Digests DigestMap() const;
};
using DesiredPtr = std::shared_ptr<const DesiredEntries>;

// A state that a satellite is known to have, to build on.
struct Base {
  uint64_t sequence = 0;
  Digests digests;
};

// What an entry takes of limits::kDeltaPartBytes and limits::kSatelliteEntriesBytes.
uint64_t SizeInDelta(const v1::Entry& entry);

// From `base` to `desired`; a snapshot when null. In parts of at most limits::kDeltaPartBytes each (an entry
// larger than that has a part of its own). At least one part.
std::vector<v1::Delta> BuildDelta(const v1::Epoch& epoch, const DesiredEntries& desired, const Base* base);

// What a satellite has persisted.
struct AppliedState {
  v1::Epoch epoch;
  uint64_t sequence = 0;
  std::string root;  // empty: nothing was ever applied
  Digests digests;
};

// Puts the parts of a delta together. A part of another delta drops what was begun.
class DeltaAssembler {
 public:
  // The whole delta (part 0, parts 0) with the last part. INVALID_ARGUMENT for a part out of order or too
  // much in all.
  absl::StatusOr<std::optional<v1::Delta>> Add(v1::Delta part);
  void Clear();

 private:
  std::optional<v1::Delta> begun_;
  uint32_t next_ = 0;
  uint64_t bytes_ = 0;
};

struct DeltaPlan {
  AppliedState next;            // persist this...
  std::vector<v1::Entry> puts;  // ...with these, in one transaction
  std::vector<std::string> deletes;
  bool changes = false;  // false: the same (epoch, sequence, root) as before; only answer Applied again
};

// Every check, in this order; a failure changes nothing:
//   INVALID_ARGUMENT     malformed (no epoch, id not 16 bytes, digest not 32 bytes, keys empty, doubled or
//   too long) UNAUTHENTICATED      the signature is not by a delivery key over exactly this OUT_OF_RANGE
//   lower (epoch number, sequence) than applied: old, or replayed ALREADY_EXISTS       equal number with
//   another id, or equal pair with another root: alarm ABORTED              builds on a sequence that this
//   satellite does not have: answer Applied with what is, to resync DATA_LOSS            a digest or the root
//   does not match the bytes
absl::StatusOr<DeltaPlan> PlanDelta(const AppliedState& have, const v1::Delta& delta,
                                    std::string_view satellite_uid,
                                    const std::vector<std::string>& delivery_keys);

}  // namespace perigee
