// The digest, the root and the signature of a satellite's entries, byte for byte as
// proto/perigee/v1/satellite.proto states them. Frozen from the first release: a replica's identity is the
// digest of its entry as first stored, so no upgrade of either side may change what these functions return
// (tests/golden/roots-v1.json holds them to it). Pure.
//
//   std::string root = RootOf({{"replica/7f", DigestOf(payload)}});
//   auto signed_root = SignRoot(key, {uid, epoch, sequence, root}, clock.Now());
//   PERIGEE_RETURN_IF_ERROR(VerifyRoot(*signed_root, {uid, epoch, sequence, root}, delivery_keys));
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/perigee/v1/satellite.pb.h"

namespace perigee {

// Entry key -> SHA-256 of its payload (32 bytes).
using Digests = std::map<std::string, std::string>;

inline constexpr size_t kEntryKeyLength = 256;  // longest key of an entry
inline constexpr size_t kEpochIdBytes = 16;

// What a signature is about.
struct RootClaim {
  std::string satellite_uid;
  v1::Epoch epoch;
  uint64_t sequence = 0;
  std::string root;
};

// SHA-256(payload), 32 bytes.
std::string DigestOf(std::string_view payload);
// SHA-256 over, for each entry in byte order of its key, u32be(len(key)) key sha256. 32 bytes.
std::string RootOf(const Digests& key_to_sha256);
// "perigee-root-v1" 0x00 uid(36 ASCII) u64be(epoch number) epoch id(16) u64be(sequence) u64be(signed_at.seconds)
// u32be(signed_at.nanos) root(32). The time is signed too: satellites take it as a floor of their clocks.
std::string SignedBytes(const RootClaim& claim, const google::protobuf::Timestamp& signed_at);

// A new entry with its digest filled in.
v1::Entry MakeEntry(std::string key, std::string payload);

// A delivery key. Thread-safe.
class RootSigner {
 public:
  virtual ~RootSigner() = default;
  // ECDSA P-256 with SHA-256 over `bytes`, DER.
  virtual absl::StatusOr<std::string> Sign(std::string_view bytes) const = 0;
  virtual std::string PublicKey() const = 0;  // SubjectPublicKeyInfo, DER
};

absl::StatusOr<v1::SignedRoot> SignRoot(const RootSigner& signer, const RootClaim& claim, absl::Time at);
// UNAUTHENTICATED when no key of `delivery_keys` (SubjectPublicKeyInfo, DER) made this signature for this
// claim.
absl::Status VerifyRoot(const v1::SignedRoot& signed_root, const RootClaim& claim,
                        const std::vector<std::string>& delivery_keys);

}  // namespace perigee
