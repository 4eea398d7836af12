// What the tests of this module share: a delivery key, desired states, and a satellite and a centre end.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shared/pki/key.h"
#include "shared/session/centre_core.h"
#include "shared/session/delta.h"
#include "shared/session/entries.h"
#include "shared/session/satellite_core.h"

namespace perigee {

inline constexpr char kUid[] = "0190a000-0000-7000-8000-000000000001";

class TestSigner final : public RootSigner {
 public:
  TestSigner() : key_(*PrivateKey::GenerateEcP256()) {}
  absl::StatusOr<std::string> Sign(std::string_view bytes) const override { return key_.Sign(bytes); }
  std::string PublicKey() const override { return key_.Public().ToDer(); }

 private:
  PrivateKey key_;
};

inline v1::Epoch MakeEpoch(uint64_t number, char fill = 'e') {
  v1::Epoch epoch;
  epoch.set_number(number);
  epoch.set_id(std::string(16, fill));
  return epoch;
}

// `payloads`: entry key -> payload.
inline DesiredPtr MakeDesired(const RootSigner& signer, const v1::Epoch& epoch, uint64_t sequence,
                              const std::map<std::string, std::string>& payloads) {
  auto desired = std::make_shared<DesiredEntries>();
  desired->sequence = sequence;
  for (const auto& [key, payload] : payloads) desired->entries.emplace(key, MakeEntry(key, payload));
  desired->signed_root =
      *SignRoot(signer, {kUid, epoch, sequence, RootOf(desired->DigestMap())}, absl::UnixEpoch());
  return desired;
}

inline v1::EntryPayload Payload(std::vector<std::string> required, const std::string& name) {
  v1::EntryPayload payload;
  for (std::string& feature : required) payload.add_required_features(std::move(feature));
  payload.mutable_config()->set_name(name);
  return payload;
}

// Effects of one type.
template <typename T, typename Effects>
std::vector<T> Of(const Effects& effects) {
  std::vector<T> found;
  for (const auto& effect : effects) {
    if (const T* match = std::get_if<T>(&effect)) found.push_back(*match);
  }
  return found;
}

inline Moment At(double seconds) {
  const auto ns = std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
  return {absl::FromUnixSeconds(1'800'000'000) + absl::Nanoseconds(ns.count()), ns};
}

}  // namespace perigee
