#include "control-plane/compile/compile.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shared/base/random.h"
#include "shared/base/record.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/resource/text.h"
#include "shared/session/delta.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

v1::StoredEntry MakeStored(std::string key, const v1::EntryPayload& payload, std::string source) {
  v1::StoredEntry stored;
  *stored.mutable_entry() = MakeEntry(std::move(key), CanonicalBytes(payload));
  stored.set_source(std::move(source));
  return stored;
}

// What a satellite must be able to do to run this. In a fixed order: it is part of the bytes.
std::vector<std::string> FeaturesOf(const v1::ReplicaEntry& replica) {
  std::set<std::string> features;
  for (const auto& task : replica.template_().tasks()) {
    features.insert(task.runtime().empty() ? "process" : task.runtime());
    if (task.files_size() > 0) features.insert("files");
    if (task.has_health()) features.insert("probes");
  }
  if (replica.secret_keys_size() > 0) features.insert("secrets");
  if (!replica.on_disconnect().stop_after().empty()) features.insert("leases");
  return {features.begin(), features.end()};
}

v1::EntryPayload ReplicaPayload(const ReplicaInput& input, const ReplicaSources& sources,
                                const std::map<std::string, std::string>& secret_keys) {
  v1::EntryPayload payload;
  v1::ReplicaEntry& replica = *payload.mutable_replica();
  const auto& revision = input.revision->spec();
  replica.set_assignment_uid(input.assignment->metadata().uid());
  replica.set_workload_uid(input.assignment->spec().workload_uid());
  replica.set_workload(input.assignment->spec().workload());
  replica.set_project(input.assignment->metadata().project());
  replica.set_revision_uid(input.revision->metadata().uid());
  replica.set_revision_number(revision.number());
  replica.set_ordinal(input.assignment->spec().ordinal());
  *replica.mutable_template_() = sources.resolved;
  if (revision.has_on_disconnect()) *replica.mutable_on_disconnect() = revision.on_disconnect();
  for (const auto& [name, config] : sources.configs)
    (*replica.mutable_config_keys())[name] = config.entry_key;
  for (const auto& [name, key] : secret_keys) (*replica.mutable_secret_keys())[name] = key;
  replica.set_soak(revision.rollout().soak());
  replica.set_deadline(revision.rollout().deadline());
  replica.set_workload_kind(input.workload_kind);
  for (auto& feature : FeaturesOf(replica)) payload.add_required_features(std::move(feature));
  return payload;
}

// A secret's entry depends on its version and on whom it is sealed to, so that a new sealing key has it sealed anew.
std::string SecretSource(const v1::Secret& secret, const v1::Satellite& holder) {
  return Sha256(EncodeList(
      {"perigee-secret-v1", secret.spec().version(), Sha256(holder.status().sealing_certificate())}));
}

bool IsStored(const StoredEntries& stored, const std::string& key, std::string_view source) {
  const auto it = stored.find(key);
  return it != stored.end() && it->second.source == source;
}

void CompileConfigs(const ReplicaSources& sources, const StoredEntries& stored, Compiled& compiled) {
  for (const auto& [name, config] : sources.configs) {
    compiled.holds.push_back(config.entry_key);
    if (stored.contains(config.entry_key)) continue;
    v1::EntryPayload payload;
    *payload.mutable_config() = config.content;
    payload.add_required_features("files");
    compiled.puts.push_back(MakeStored(config.entry_key, payload, Sha256(config.entry_key)));
  }
}

absl::StatusOr<std::map<std::string, std::string>> CompileSecrets(const ReplicaInput& input,
                                                                  const StoredEntries& stored, Sealer& sealer,
                                                                  Compiled& compiled) {
  std::map<std::string, std::string> keys;
  for (const auto& [name, version] : input.revision->spec().secret_versions())
    keys[name] = absl::StrCat("secret/", version);
  for (const auto& [name, key] : keys) {
    compiled.holds.push_back(key);
    const v1::Secret& secret = *input.secrets.at(name);
    const std::string source = SecretSource(secret, *input.satellite);
    if (IsStored(stored, key, source)) continue;
    auto sealed = sealer.Seal(secret, *input.satellite);
    if (!sealed.ok()) return Annotate(sealed.status(), absl::StrCat("sealing Secret ", name));
    v1::EntryPayload payload;
    payload.mutable_secret()->set_name(name);
    payload.mutable_secret()->set_project(secret.metadata().project());
    payload.mutable_secret()->set_version(secret.spec().version());
    payload.mutable_secret()->set_sealed(*std::move(sealed));
    payload.add_required_features("secrets");
    compiled.puts.push_back(MakeStored(key, payload, source));
  }
  return keys;
}

}  // namespace

std::string ReplicaKey(std::string_view assignment_uid) {
  return absl::StrCat("replica/", ToAbsl(assignment_uid));
}
std::string PermitKey(std::string_view permit_id) {
  return absl::StrCat("permit/", ToAbsl(permit_id));
}

StoredInfo InfoOf(const v1::StoredEntry& entry) {
  StoredInfo info{
      .source = entry.source(), .sha256 = entry.entry().sha256(), .bytes = SizeInDelta(entry.entry())};
  v1::EntryPayload payload;
  if (!absl::StartsWith(entry.entry().key(), "replica/") || !payload.ParseFromString(entry.entry().payload()))
    return info;
  for (const auto& [name, key] : payload.replica().config_keys()) info.refers_to.push_back(key);
  for (const auto& [name, key] : payload.replica().secret_keys()) info.refers_to.push_back(key);
  return info;
}

absl::StatusOr<Compiled> CompileReplica(const ReplicaInput& input, const StoredEntries& stored,
                                        Sealer& sealer) {
  PERIGEE_ASSIGN_OR_RETURN(const ReplicaSources sources, ResolveSources(input));
  const std::string key = ReplicaKey(input.assignment->metadata().uid());
  Compiled compiled;
  compiled.holds.push_back(key);
  CompileConfigs(sources, stored, compiled);
  PERIGEE_ASSIGN_OR_RETURN(const auto secret_keys, CompileSecrets(input, stored, sealer, compiled));
  if (IsStored(stored, key, sources.source)) {
    // An older release may have named other entries; what is stored counts.
    const auto& refers_to = stored.at(key).refers_to;
    compiled.holds.insert(compiled.holds.end(), refers_to.begin(), refers_to.end());
    return compiled;
  }
  compiled.puts.push_back(MakeStored(key, ReplicaPayload(input, sources, secret_keys), sources.source));
  return compiled;
}

v1::StoredEntry CompilePermit(const v1::Assignment& assignment, std::string_view to_sha256,
                              absl::Time issued_at) {
  v1::EntryPayload payload;
  v1::Permit& permit = *payload.mutable_permit();
  const std::string& id = assignment.spec().permit_id();
  permit.set_id(id);
  permit.set_assignment_uid(assignment.metadata().uid());
  permit.set_action(assignment.metadata().has_deleting_since() ? "remove" : "replace");
  permit.set_to_sha256(HexEncode(to_sha256));
  *permit.mutable_issued_at() = ToTimestamp(issued_at);
  payload.add_required_features("permits");
  return MakeStored(PermitKey(id), payload, Sha256(EncodeList({"perigee-permit-v1", id})));
}

}  // namespace perigee::control
