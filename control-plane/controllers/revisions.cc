#include "control-plane/controllers/revisions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control-plane/compile/key_references.h"
#include "shared/base/limits.h"
#include "shared/base/random.h"
#include "shared/base/record.h"
#include "shared/base/sha256.h"
#include "shared/resource/defaults.h"
#include "shared/resource/reasons.h"
#include "shared/resource/text.h"

namespace perigee::control {
namespace {

constexpr size_t kNameLength = 63;  // of a DNS label
constexpr size_t kTagLength = 5;

std::optional<MissingPart> FindConfigs(const KeysByName& wanted, const WorkloadSnapshot& snapshot,
                                       Versions& versions) {
  for (const auto& [name, keys] : wanted) {
    const auto config = snapshot.configs.find(name);
    if (config == snapshot.configs.end()) {
      return MissingPart{std::string(reason::kMissingConfig),
                         absl::StrCat("Config ", name, " does not exist in project ",
                                      snapshot.workload->metadata().project(), ". Apply it.")};
    }
    for (const auto& key : keys) {
      if (config->second->spec().data().contains(key)) continue;
      return MissingPart{
          std::string(reason::kMissingKey),
          absl::StrCat("Config ", name, " has no key ", key, ". Add it, or refer to one that is there.")};
    }
    versions.configs[name] = ConfigKeysVersion(*config->second, keys);
  }
  return std::nullopt;
}

std::optional<MissingPart> FindSecrets(const KeysByName& wanted, const WorkloadSnapshot& snapshot,
                                       Versions& versions) {
  for (const auto& [name, keys] : wanted) {
    const auto secret = snapshot.secrets.find(name);
    if (secret == snapshot.secrets.end()) {
      return MissingPart{std::string(reason::kMissingSecret),
                         absl::StrCat("Secret ", name, " does not exist in project ",
                                      snapshot.workload->metadata().project(), ". Apply it.")};
    }
    const auto& there = secret->second->status().keys();
    for (const auto& key : keys) {
      if (there.empty() || std::find(there.begin(), there.end(), key) != there.end()) continue;
      return MissingPart{
          std::string(reason::kMissingKey),
          absl::StrCat("Secret ", name, " has no key ", key, ". Add it, or refer to one that is there.")};
    }
    versions.secrets[name] = secret->second->spec().version();
  }
  return std::nullopt;
}

// As a control plane of before keys had versions asked: each Config as a whole.
Versions WithWholeConfigs(Versions versions, const WorkloadSnapshot& snapshot) {
  for (auto& [name, version] : versions.configs) version = ConfigVersion(*snapshot.configs.at(name));
  return versions;
}

RevisionPtr MakeRevision(const WorkloadSnapshot& snapshot, const Versions& versions,
                         const std::string& hash) {
  v1::Workload defaulted = *snapshot.workload;
  ApplyDefaults(defaulted);
  const int64_t number = snapshot.revisions.empty() ? 1 : snapshot.revisions.back()->spec().number() + 1;
  auto revision = std::make_shared<v1::WorkloadRevision>();
  const v1::ObjectMeta& workload = defaulted.metadata();
  v1::ObjectMeta& meta = *revision->mutable_metadata();
  meta.set_uid(DerivedUid({"revision", workload.uid(), hash, absl::StrCat(number)}));
  meta.set_name(DerivedName(absl::StrCat(workload.name(), "-", number), meta.uid()));
  meta.set_project(workload.project());
  v1::WorkloadRevisionSpec& spec = *revision->mutable_spec();
  spec.set_workload_uid(workload.uid());
  spec.set_number(number);
  *spec.mutable_template_() = defaulted.spec().template_();
  spec.mutable_config_versions()->insert(versions.configs.begin(), versions.configs.end());
  spec.mutable_secret_versions()->insert(versions.secrets.begin(), versions.secrets.end());
  if (defaulted.spec().placement().has_on_disconnect()) {
    *spec.mutable_on_disconnect() = defaulted.spec().placement().on_disconnect();
  }
  *spec.mutable_rollout() = defaulted.spec().rollout();
  spec.set_asked_hash(hash);
  return revision;
}

RevisionPtr Find(const std::vector<RevisionPtr>& revisions, const std::string& uid) {
  for (const auto& revision : revisions) {
    if (revision->metadata().uid() == uid) return revision;
  }
  return nullptr;
}

// The newest that was asked for in these words.
RevisionPtr FindAsked(const std::vector<RevisionPtr>& revisions, const std::string& hash) {
  for (auto it = revisions.rbegin(); it != revisions.rend(); ++it) {
    if ((*it)->spec().asked_hash() == hash) return *it;
  }
  return nullptr;
}

}  // namespace

std::string AskedHash(const v1::WorkloadSpec& asked, const Versions& versions) {
  std::vector<std::string> list = {"perigee-asked-v1", CanonicalBytes(asked.template_()),
                                   asked.placement().on_disconnect().stop_after(),
                                   absl::StrCat(versions.configs.size())};
  for (const auto& map : {versions.configs, versions.secrets}) {
    for (const auto& [name, version] : map) {
      list.push_back(name);
      list.push_back(version);
    }
  }
  return Sha256Hex(EncodeList(list));
}

RevisionDecision DecideRevision(const WorkloadSnapshot& snapshot) {
  const RevisionPtr latest = snapshot.revisions.empty() ? nullptr : snapshot.revisions.back();
  const v1::WorkloadOperations::OfRevision& asked_for = snapshot.workload->operations().pinned();
  if (const RevisionPtr pinned = Find(snapshot.revisions, asked_for.revision_uid());
      pinned != nullptr && asked_for.override().active()) {
    return {.current = pinned};
  }
  const v1::WorkloadSpec& asked = snapshot.workload->spec();
  const KeyReferences references = ReferencesOf(asked.template_());
  Versions versions;
  std::optional<MissingPart> missing = FindConfigs(references.configs, snapshot, versions);
  if (!missing.has_value()) missing = FindSecrets(references.secrets, snapshot, versions);
  if (missing.has_value()) {
    const RevisionPtr last = Find(snapshot.revisions, snapshot.workload->status().current_revision_uid());
    return {.current = last != nullptr ? last : latest, .missing = std::move(missing)};
  }
  const std::string hash = AskedHash(asked, versions);
  // Asked for again what was asked for before: that one, so that a replica which still is there stays.
  if (RevisionPtr same = FindAsked(snapshot.revisions, hash)) return {.current = std::move(same)};
  // Nor does an upgrade replace anything: what an older control plane made of these very Configs is still right.
  const std::string older_hash = AskedHash(asked, WithWholeConfigs(versions, snapshot));
  if (RevisionPtr same = FindAsked(snapshot.revisions, older_hash)) return {.current = std::move(same)};
  return {.current = MakeRevision(snapshot, versions, hash), .is_new = true};
}

std::vector<RevisionPtr> RevisionsToDrop(const std::vector<RevisionPtr>& revisions,
                                         const std::set<std::string>& in_use) {
  std::vector<RevisionPtr> drop;
  const size_t keep = limits::kRevisionsPerWorkload;
  for (size_t i = 0; i + keep < revisions.size(); ++i) {
    if (!in_use.contains(revisions[i]->metadata().uid())) drop.push_back(revisions[i]);
  }
  return drop;
}

std::string DerivedUid(const std::vector<std::string>& of) {
  std::string bytes = Sha256(EncodeList(of)).substr(0, 16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);  // version 8 (RFC 9562, 5.8)
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = HexEncode(bytes);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4),
                      "-", hex.substr(20));
}

std::string DerivedName(const std::string& base, const std::string& uid) {
  if (base.size() <= kNameLength) return base;
  std::string head = base.substr(0, kNameLength - kTagLength - 1);
  while (!head.empty() && head.back() == '-') head.pop_back();
  return absl::StrCat(head, "-", uid.substr(uid.size() - kTagLength));
}

}  // namespace perigee::control
