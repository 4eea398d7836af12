#include "shared/session/entries.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/pki/key.h"
#include "shared/session/moment.h"

namespace perigee {
namespace {

void AppendU32(uint32_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

void AppendU64(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

}  // namespace

std::string DigestOf(std::string_view payload) {
  return Sha256(payload);
}

std::string RootOf(const Digests& key_to_sha256) {
  // std::map orders by std::string's operator<, which compares as unsigned bytes (char_traits<char>::lt).
  std::string bytes;
  for (const auto& [key, sha256] : key_to_sha256) {
    AppendU32(static_cast<uint32_t>(key.size()), &bytes);
    bytes += key;
    bytes += sha256;
  }
  return Sha256(bytes);
}

std::string SignedBytes(const RootClaim& claim, const google::protobuf::Timestamp& signed_at) {
  std::string bytes("perigee-root-v1\0", 16);
  bytes += claim.satellite_uid;
  AppendU64(claim.epoch.number(), &bytes);
  bytes += claim.epoch.id();
  AppendU64(claim.sequence, &bytes);
  AppendU64(static_cast<uint64_t>(signed_at.seconds()), &bytes);
  AppendU32(static_cast<uint32_t>(signed_at.nanos()), &bytes);
  bytes += claim.root;
  return bytes;
}

v1::Entry MakeEntry(std::string key, std::string payload) {
  v1::Entry entry;
  entry.set_key(std::move(key));
  entry.set_sha256(DigestOf(payload));
  entry.set_payload(std::move(payload));
  return entry;
}

absl::StatusOr<v1::SignedRoot> SignRoot(const RootSigner& signer, const RootClaim& claim, absl::Time at) {
  v1::SignedRoot signed_root;
  *signed_root.mutable_signed_at() = ToTimestamp(at);
  PERIGEE_ASSIGN_OR_RETURN(*signed_root.mutable_signature(),
                           signer.Sign(SignedBytes(claim, signed_root.signed_at())));
  signed_root.set_root(claim.root);
  signed_root.set_key_id(Sha256(signer.PublicKey()));
  return signed_root;
}

absl::Status VerifyRoot(const v1::SignedRoot& signed_root, const RootClaim& claim,
                        const std::vector<std::string>& delivery_keys) {
  if (signed_root.root() != claim.root)
    return absl::UnauthenticatedError("The signature is for another root.");
  const std::string bytes = SignedBytes(claim, signed_root.signed_at());
  for (const std::string& key_der : delivery_keys) {
    if (Sha256(key_der) != signed_root.key_id()) continue;
    PERIGEE_ASSIGN_OR_RETURN(const PublicKey key, PublicKey::FromDer(key_der));
    return Annotate(key.Verify(bytes, signed_root.signature()), "the root of the entries");
  }
  return absl::UnauthenticatedError(
      "No delivery key that is trusted here has signed the root of the entries.");
}

}  // namespace perigee
