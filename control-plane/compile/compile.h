// A workload revision becomes the entries of one satellite:
// `replica/<assignment uid>`, `config/<hash of what it holds>`, `secret/<version>`
// and `permit/<id>`. Pure but for the Sealer, which is asked for a secret's
// version only when the satellite has no entry of it yet: a secret is sealed
// once per version and holder.
//
// Invariant: an entry whose source digest is unchanged keeps its stored bytes.
//
//   auto compiled = CompileReplica(input, stored, sealer);
//   for (const v1::StoredEntry& put : compiled->puts) ...
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control-plane/compile/sources.h"
#include "proto/perigee/v1/stored.pb.h"

namespace perigee::control {

// Seals a secret's content to a satellite's sealing certificate. Not pure: every sealing has other bytes.
class Sealer {
 public:
  virtual ~Sealer() = default;
  // DER of the CMS envelope of a serialized v1::SecretContent.
  virtual absl::StatusOr<std::string> Seal(const v1::Secret& secret, const v1::Satellite& holder) = 0;
};

// What is stored for a satellite, without the bytes. Of a replica also what it refers to.
struct StoredInfo {
  std::string source;
  std::string sha256;
  uint64_t bytes = 0;                  // SizeInDelta
  std::vector<std::string> refers_to;  // entry keys
};
using StoredEntries = std::map<std::string, StoredInfo>;  // by entry key
StoredInfo InfoOf(const v1::StoredEntry& entry);

std::string ReplicaKey(std::string_view assignment_uid);
std::string PermitKey(std::string_view permit_id);

struct Compiled {
  std::vector<v1::StoredEntry>
      puts;  // without sequence; those already stored with the same source are not among them
  std::vector<std::string> holds;  // every key that this replica needs, itself included
};

// As ResolveSources for errors; also what the Sealer says. Nothing is compiled when the stored source is the same.
absl::StatusOr<Compiled> CompileReplica(const ReplicaInput& input, const StoredEntries& stored,
                                        Sealer& sealer);

// The permit that `assignment` holds. `to_sha256`: of the replica entry it allows (32 bytes); empty to remove.
v1::StoredEntry CompilePermit(const v1::Assignment& assignment, std::string_view to_sha256,
                              absl::Time issued_at);

}  // namespace perigee::control
