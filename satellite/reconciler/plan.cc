#include "satellite/reconciler/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "satellite/shim/protocol.h"
#include "shared/base/random.h"
#include "shared/base/string_views.h"
#include "shared/resource/reasons.h"
#include "shared/session/features.h"

namespace perigee::satellite {
namespace {

constexpr std::string_view kReplicaPrefix = "replica/";

bool IsOfReplica(const StoredEntry& entry) {
  return entry.key.starts_with(kReplicaPrefix);
}

// Empty when the key names no replica. The id becomes a part of paths, so no key may smuggle in "..".
std::string ReplicaIdOf(std::string_view key) {
  if (!key.starts_with(kReplicaPrefix)) return "";
  const std::string_view id = key.substr(kReplicaPrefix.size());
  return IsReplicaId(id) ? std::string(id) : "";
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& features) : features_(features) {}

  void TakeWanted(const StoredEntry& stored) {
    if (IsOfReplica(stored) && ReplicaIdOf(stored.key).empty()) return RefuseKey(stored.key);
    if (stored.damaged) return TakeDamaged(stored);
    const std::vector<std::string> lacking = MissingFeatures(stored.payload, features_);
    if (!lacking.empty()) {
      Refuse(stored.key, reason::kAgentTooOld, absl::StrCat("needs ", lacking.front()));
      if (IsOfReplica(stored)) {
        desired_.wanted[ReplicaIdOf(stored.key)] = {.sha256 = HexEncode(stored.sha256), .lacking = lacking};
      }
      return;
    }
    v1::EntryPayload payload;
    if (!payload.ParseFromString(stored.payload)) return;  // MissingFeatures has said so
    if (payload.has_replica()) {
      TakeReplica(stored, payload.replica(), /*wanted=*/true);
    } else if (payload.has_permit()) {
      const v1::Permit& permit = payload.permit();
      desired_.leaves[permit.assignment_uid()].push_back({permit.id(), permit.action(), permit.to_sha256()});
    } else if (payload.has_site_values()) {
      desired_.site = std::move(*payload.mutable_site_values());
    } else if (payload.has_trust_roots()) {
      desired_.trust = std::move(*payload.mutable_trust_roots());
    } else {
      TakeContent(stored.key, payload);
    }
  }

  void TakeKept(const StoredEntry& stored) {
    v1::EntryPayload payload;
    if (!MissingFeatures(stored.payload, features_).empty() || !payload.ParseFromString(stored.payload))
      return;
    if (payload.has_replica()) {
      TakeReplica(stored, payload.replica(), /*wanted=*/false);
    } else {
      TakeContent(stored.key, payload);
    }
  }

  Desired Finish() { return std::move(desired_); }

 private:
  // It is wanted, only not readable: what runs is kept until the centre has sent it again.
  void TakeDamaged(const StoredEntry& stored) {
    Refuse(stored.key, reason::kEntryRefused, "the stored entry is damaged on this host's disk");
    if (!IsOfReplica(stored)) return;
    WantedReplica& wanted = desired_.wanted[ReplicaIdOf(stored.key)];
    wanted.sha256 = HexEncode(stored.sha256);
    wanted.damaged = true;
  }

  void TakeReplica(const StoredEntry& stored, const v1::ReplicaEntry& entry, bool wanted) {
    const std::string id = ReplicaIdOf(stored.key);
    if (id.empty()) {
      if (wanted) RefuseKey(stored.key);
      return;
    }
    const std::string sha256 = HexEncode(stored.sha256);
    absl::StatusOr<ReplicaPolicy> policy = PolicyOf(entry);
    if (policy.ok() && entry.assignment_uid() != id) {
      policy = absl::InvalidArgumentError("assignment_uid is not that of the key");
    }
    if (!policy.ok()) {
      if (!wanted) return;
      Refuse(stored.key, reason::kEntryRefused, ToStd(policy.status().message()));
      desired_.wanted[id] = {.sha256 = sha256, .lacking = {"a readable entry"}};
      return;
    }
    desired_.policies[id][sha256] = *policy;
    desired_.entries[id][sha256] = entry;
    if (wanted) desired_.wanted[id] = {.sha256 = sha256, .lacking = {}};
  }

  // Their keys name their content (a hash, a version), so a kept one and a wanted one of one key are the same.
  void TakeContent(const std::string& key, v1::EntryPayload& payload) {
    if (payload.has_config()) desired_.configs[key] = std::move(*payload.mutable_config());
    if (payload.has_secret()) desired_.secrets[key] = std::move(*payload.mutable_secret());
  }

  void RefuseKey(const std::string& key) {
    Refuse(key, reason::kEntryRefused,
           "the key of a replica is replica/ and its id: 1 to 64 of a-z, 0-9 and -; nothing is done for it");
  }

  void Refuse(const std::string& key, std::string_view reason, std::string_view message) {
    v1::Applied::Refusal refusal;
    refusal.set_key(key);
    refusal.set_reason(std::string(reason));
    refusal.set_message(std::string(message));
    desired_.refused.push_back(std::move(refusal));
  }

  const std::vector<std::string>& features_;
  Desired desired_;
};

StepInput InputFor(const std::string& id, const Desired& desired, const Snapshot& snapshot) {
  StepInput input;
  input.id = id;
  input.now = snapshot.now;
  input.wall = snapshot.wall;
  input.applied = snapshot.applied;
  input.connected = snapshot.connected;
  input.adopting = snapshot.adopting;
  input.busy = snapshot.busy.contains(id);
  input.last_answer = snapshot.last_answer;
  if (auto it = desired.wanted.find(id); it != desired.wanted.end()) input.wanted = it->second;
  if (auto it = desired.leaves.find(id); it != desired.leaves.end()) input.leaves = it->second;
  if (auto it = desired.policies.find(id); it != desired.policies.end()) input.policies = it->second;
  if (auto it = snapshot.seen.find(id); it != snapshot.seen.end()) input.seen = it->second;
  if (auto it = snapshot.failures.find(id); it != snapshot.failures.end()) input.failure = it->second;
  if (auto it = snapshot.books.find(id); it != snapshot.books.end()) {
    input.book = it->second;
  } else {
    input.book.id = id;
    input.book.boot_id = snapshot.boot_id;
  }
  return input;
}

}  // namespace

Desired ParseDesired(const std::vector<StoredEntry>& entries, const std::vector<StoredEntry>& kept,
                     const std::vector<std::string>& features) {
  Parser parser(features);
  for (const StoredEntry& entry : kept) parser.TakeKept(entry);
  for (const StoredEntry& entry : entries) parser.TakeWanted(entry);
  return parser.Finish();
}

Plan MakePlan(const Desired& desired, const Snapshot& snapshot) {
  Plan plan;
  if (!snapshot.seen_known) return plan;
  std::set<std::string> ids;
  for (const auto& [id, wanted] : desired.wanted) ids.insert(id);
  for (const auto& [id, seen] : snapshot.seen) ids.insert(id);
  for (const auto& [id, book] : snapshot.books) ids.insert(id);
  for (const std::string& id : ids) {
    const StepInput input = InputFor(id, desired, snapshot);
    StepResult result = Step(input);
    const bool had_book = snapshot.books.contains(id);
    if (!result.known) {
      if (had_book) plan.forgets.push_back(id);
      continue;
    }
    if (!had_book || !(result.book == input.book)) plan.books.push_back(std::move(result.book));
    if (result.action.has_value()) plan.actions.push_back(std::move(*result.action));
    for (ReplicaEvent& event : result.events) plan.events.emplace_back(id, std::move(event));
    plan.statuses[id] = std::move(result.status);
    plan.wake = std::min(plan.wake, result.wake);
  }
  return plan;
}

std::set<EntryVersion> NeededVersions(const std::vector<StoredEntry>& kept,
                                      const std::map<std::string, ReplicaBook>& books) {
  std::set<EntryVersion> needed;
  std::set<std::string> content_keys;
  for (const StoredEntry& entry : kept) {
    auto book = books.find(ReplicaIdOf(entry.key));
    if (book == books.end()) continue;
    const std::string sha256 = HexEncode(entry.sha256);
    if (sha256 != book->second.current && sha256 != book->second.previous) continue;
    needed.emplace(entry.key, entry.sha256);
    v1::EntryPayload payload;
    if (!payload.ParseFromString(entry.payload)) continue;
    for (const auto& [name, key] : payload.replica().config_keys()) content_keys.insert(key);
    for (const auto& [name, key] : payload.replica().secret_keys()) content_keys.insert(key);
  }
  for (const StoredEntry& entry : kept) {
    if (content_keys.contains(entry.key)) needed.emplace(entry.key, entry.sha256);
  }
  return needed;
}

}  // namespace perigee::satellite
