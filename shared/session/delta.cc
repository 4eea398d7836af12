#include "shared/session/delta.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee {
namespace {

constexpr size_t kDigestBytes = 32;

// Starts another part when `bytes` more would make the last one too large.
v1::Delta& PartFor(uint64_t bytes, std::vector<v1::Delta>* parts, uint64_t* filled) {
  if (*filled > 0 && *filled + bytes > limits::kDeltaPartBytes) {
    parts->emplace_back();
    *filled = 0;
  }
  *filled += bytes;
  return parts->back();
}

absl::Status CheckDelta(const v1::Delta& delta) {
  if (delta.epoch().number() == 0 || delta.epoch().id().size() != kEpochIdBytes) {
    return absl::InvalidArgumentError("The delta names no epoch.");
  }
  if (delta.sequence() == 0 || delta.from_sequence() > delta.sequence()) {
    return absl::InvalidArgumentError(
        absl::StrCat("The delta goes from sequence ", delta.from_sequence(), " to ", delta.sequence(), "."));
  }
  if (delta.signed_root().root().size() != kDigestBytes) {
    return absl::InvalidArgumentError("The delta has no root.");
  }
  std::set<std::string_view> keys;
  for (const v1::Entry& entry : delta.puts()) {
    if (entry.key().empty() || entry.key().size() > kEntryKeyLength ||
        entry.sha256().size() != kDigestBytes) {
      return absl::InvalidArgumentError("An entry of the delta has no valid key or digest.");
    }
    if (!keys.insert(entry.key()).second) {
      return absl::InvalidArgumentError(absl::StrCat("The delta has the entry ", entry.key(), " twice."));
    }
  }
  for (const std::string& key : delta.deletes()) {
    if (key.empty() || key.size() > kEntryKeyLength || !keys.insert(key).second) {
      return absl::InvalidArgumentError(
          "The delta deletes an entry without a valid key, twice, or one that it puts.");
    }
  }
  return absl::OkStatus();
}

// Whether (epoch, sequence) may follow what is applied.
absl::Status CheckOrder(const AppliedState& have, const v1::Delta& delta) {
  if (have.epoch.number() == 0) return absl::OkStatus();
  if (delta.epoch().number() < have.epoch.number()) {
    return absl::OutOfRangeError(absl::StrCat("The delta is of epoch ", delta.epoch().number(), "; epoch ",
                                              have.epoch.number(), " is applied."));
  }
  if (delta.epoch().number() > have.epoch.number()) return absl::OkStatus();
  if (delta.epoch().id() != have.epoch.id()) {
    return absl::AlreadyExistsError(absl::StrCat("Another control plane uses epoch ", have.epoch.number(),
                                                 ". Two copies of one control plane are running."));
  }
  if (delta.sequence() < have.sequence) {
    return absl::OutOfRangeError(
        absl::StrCat("The delta has sequence ", delta.sequence(), "; ", have.sequence, " is applied."));
  }
  if (delta.sequence() == have.sequence && delta.signed_root().root() != have.root) {
    return absl::AlreadyExistsError(absl::StrCat("Sequence ", have.sequence, " of epoch ",
                                                 have.epoch.number(), " came with another root before."));
  }
  return absl::OkStatus();
}

}  // namespace

uint64_t SizeInDelta(const v1::Entry& entry) {
  constexpr uint64_t kDigestAndTags = 48;
  return entry.key().size() + entry.payload().size() + kDigestAndTags;
}

Digests DesiredEntries::DigestMap() const {
  Digests digests;
  for (const auto& [key, entry] : entries) digests.emplace(key, entry.sha256());
  return digests;
}

std::vector<v1::Delta> BuildDelta(const v1::Epoch& epoch, const DesiredEntries& desired, const Base* base) {
  std::vector<v1::Delta> parts(1);
  uint64_t filled = 0;
  for (const auto& [key, entry] : desired.entries) {
    if (base != nullptr) {
      const auto had = base->digests.find(key);
      if (had != base->digests.end() && had->second == entry.sha256()) continue;
    }
    *PartFor(SizeInDelta(entry), &parts, &filled).add_puts() = entry;
  }
  if (base != nullptr) {
    for (const auto& [key, sha256] : base->digests) {
      if (!desired.entries.contains(key)) *PartFor(key.size() + 8, &parts, &filled).add_deletes() = key;
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    *parts[i].mutable_epoch() = epoch;
    parts[i].set_from_sequence(base == nullptr ? 0 : base->sequence);
    parts[i].set_sequence(desired.sequence);
    *parts[i].mutable_signed_root() = desired.signed_root;
    parts[i].set_part(static_cast<uint32_t>(i));
    parts[i].set_parts(static_cast<uint32_t>(parts.size()));
  }
  return parts;
}

absl::StatusOr<std::optional<v1::Delta>> DeltaAssembler::Add(v1::Delta part) {
  const uint32_t index = part.part();
  const uint32_t parts = part.parts() == 0 ? 1 : part.parts();
  if (index == 0) {
    Clear();
  } else if (!begun_ || index != next_ || parts != begun_->parts() || part.sequence() != begun_->sequence() ||
             part.from_sequence() != begun_->from_sequence() ||
             part.epoch().number() != begun_->epoch().number() ||
             part.signed_root().root() != begun_->signed_root().root()) {
    Clear();
    return absl::InvalidArgumentError(
        absl::StrCat("Part ", index, " of ", parts, " of a delta came out of order."));
  }
  bytes_ += part.ByteSizeLong();
  if (bytes_ > limits::kDeltaBytes) {
    Clear();
    return absl::InvalidArgumentError("The delta is larger than a satellite's entries may be.");
  }
  if (!begun_) {
    begun_ = std::move(part);
    begun_->set_parts(parts);
  } else {
    for (v1::Entry& entry : *part.mutable_puts()) *begun_->add_puts() = std::move(entry);
    for (std::string& key : *part.mutable_deletes()) *begun_->add_deletes() = std::move(key);
  }
  next_ = index + 1;
  if (next_ < parts) return std::optional<v1::Delta>();
  std::optional<v1::Delta> whole = std::move(begun_);
  Clear();
  whole->set_part(0);
  whole->set_parts(0);
  return whole;
}

void DeltaAssembler::Clear() {
  begun_.reset();
  next_ = 0;
  bytes_ = 0;
}

absl::StatusOr<DeltaPlan> PlanDelta(const AppliedState& have, const v1::Delta& delta,
                                    std::string_view satellite_uid,
                                    const std::vector<std::string>& delivery_keys) {
  PERIGEE_RETURN_IF_ERROR(CheckDelta(delta));
  const std::string& root = delta.signed_root().root();
  PERIGEE_RETURN_IF_ERROR(VerifyRoot(delta.signed_root(),
                                     {std::string(satellite_uid), delta.epoch(), delta.sequence(), root},
                                     delivery_keys));
  PERIGEE_RETURN_IF_ERROR(CheckOrder(have, delta));

  DeltaPlan plan;
  if (delta.epoch().number() == have.epoch.number() && delta.sequence() == have.sequence) {
    plan.next = have;
    return plan;
  }
  const bool snapshot = delta.from_sequence() == 0;
  if (!snapshot && delta.from_sequence() != have.sequence) {
    return absl::AbortedError(absl::StrCat("The delta builds on sequence ", delta.from_sequence(),
                                           "; this satellite has ", have.sequence, "."));
  }
  plan.next = {delta.epoch(), delta.sequence(), root, snapshot ? Digests() : have.digests};
  for (const v1::Entry& entry : delta.puts()) {
    if (DigestOf(entry.payload()) != entry.sha256()) {
      return absl::DataLossError(absl::StrCat("The entry ", entry.key(), " does not match its digest."));
    }
    plan.next.digests[entry.key()] = entry.sha256();
    const auto had = have.digests.find(entry.key());
    if (had == have.digests.end() || had->second != entry.sha256()) plan.puts.push_back(entry);
  }
  for (const std::string& key : delta.deletes()) {
    if (plan.next.digests.erase(key) > 0) plan.deletes.push_back(key);
  }
  if (snapshot) {
    for (const auto& [key, sha256] : have.digests) {
      if (!plan.next.digests.contains(key)) plan.deletes.push_back(key);
    }
  }
  if (RootOf(plan.next.digests) != root) {
    return absl::DataLossError(
        absl::StrCat("The entries of sequence ", delta.sequence(), " do not add up to their root."));
  }
  plan.changes = true;
  return plan;
}

}  // namespace perigee
