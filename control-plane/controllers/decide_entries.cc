#include "control-plane/controllers/decide_entries.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "shared/base/string_views.h"
#include "shared/resource/reasons.h"
#include "shared/session/delta.h"

namespace perigee::control {
namespace {

// Families of keys that this decision owns; others on the satellite are left alone.
bool IsOwned(const std::string& key) {
  for (const char* prefix : {"replica/", "config/", "secret/", "permit/"}) {
    if (absl::StartsWith(key, prefix)) return true;
  }
  return false;
}

template <typename Ptr>
std::map<std::string, typename Ptr::element_type*> Raw(
    const std::map<std::string, std::map<std::string, Ptr>>& all, const std::string& project) {
  std::map<std::string, typename Ptr::element_type*> raw;
  const auto it = all.find(project);
  if (it == all.end()) return raw;
  for (const auto& [name, object] : it->second) raw[name] = object.get();
  return raw;
}

class Decision {
 public:
  Decision(const SatelliteSnapshot& snapshot, const StoredEntries& stored, Sealer& sealer, absl::Time now)
      : snapshot_(snapshot), stored_(stored), sealer_(sealer), now_(now), will_be_(stored) {
    for (const auto& [key, info] : stored_) bytes_ += info.bytes;
  }

  EntriesPlan Decide(uint64_t sequence) {
    for (const auto& assignment : snapshot_.assignments) {
      if (assignment->metadata().has_deleting_since()) {
        HoldRemoval(*assignment);
      } else {
        HoldReplica(*assignment);
      }
    }
    for (const auto& [key, info] : stored_) {
      if (!held_.contains(key) && IsOwned(key)) plan_.deletes.push_back(key);
    }
    for (const auto& key : plan_.deletes) will_be_.erase(key);
    for (auto& put : plan_.puts) put.set_sequence(sequence + 1);
    Digests digests;
    for (const auto& [key, info] : will_be_) digests[key] = info.sha256;
    plan_.head.set_sequence(plan_.changes() ? sequence + 1 : sequence);
    plan_.head.set_root(RootOf(digests));
    return std::move(plan_);
  }

 private:
  bool IsStored(const std::string& key) const { return stored_.contains(key); }

  void Put(v1::StoredEntry entry) {
    const std::string& key = entry.entry().key();
    held_.insert(key);
    StoredInfo& info = will_be_[key];
    bytes_ -= info.bytes;
    info = InfoOf(entry);
    bytes_ += info.bytes;
    put_bytes_ += info.bytes;
    plan_.puts.push_back(std::move(entry));
  }

  void HoldPermit(const v1::Assignment& assignment, std::string_view to_sha256) {
    const std::string key = PermitKey(assignment.spec().permit_id());
    held_.insert(key);
    if (!IsStored(key)) Put(CompilePermit(assignment, to_sha256, now_));
  }

  // The replica's entry is no more; the permit says that this is meant.
  void HoldRemoval(const v1::Assignment& assignment) {
    if (assignment.spec().permit_id().empty()) {
      HoldAsItIs(assignment);
    } else {
      HoldPermit(assignment, "");
    }
  }

  void HoldAsItIs(const v1::Assignment& assignment) {
    const std::string key = ReplicaKey(assignment.metadata().uid());
    const auto it = stored_.find(key);
    if (it == stored_.end()) return;
    held_.insert(key);
    held_.insert(it->second.refers_to.begin(), it->second.refers_to.end());
  }

  void HoldReplica(const v1::Assignment& assignment) {
    const std::string key = ReplicaKey(assignment.metadata().uid());
    const bool permit = !assignment.spec().permit_id().empty();
    const bool permit_used = permit && IsStored(PermitKey(assignment.spec().permit_id()));
    if (permit_used) held_.insert(PermitKey(assignment.spec().permit_id()));
    if (IsStored(key) && (!permit || permit_used)) {
      HoldAsItIs(assignment);
      return;
    }
    auto compiled = Compile(assignment);
    const absl::Status status = compiled.ok() ? CheckSize(*compiled) : compiled.status();
    if (!status.ok()) {
      plan_.problems[assignment.metadata().uid()] = status;
      HoldAsItIs(assignment);
      return;
    }
    if (MustWait(*compiled)) {
      plan_.more = true;
      HoldAsItIs(assignment);
      held_.insert(compiled->holds.begin(), compiled->holds.end());  // what is there need not be put again
      return;
    }
    held_.insert(compiled->holds.begin(), compiled->holds.end());
    for (auto& put : compiled->puts) Put(std::move(put));
    if (permit) HoldPermit(assignment, will_be_.at(key).sha256);
  }

  // What is stored is delivered, in one snapshot if need be, so what could not be is not stored.
  absl::Status CheckSize(const Compiled& compiled) const {
    uint64_t replaced = 0;
    for (const auto& put : compiled.puts) {
      const std::string& key = put.entry().key();
      if (put.entry().payload().size() > limits::kEntryBytes) {
        return absl::ResourceExhaustedError(
            absl::StrCat("the entry ", key, " would have ", put.entry().payload().size(), " bytes, at most ",
                         limits::kEntryBytes, " can be delivered: shorten the template, its Configs or the ",
                         "site's values that they name"));
      }
      if (const auto it = will_be_.find(key); it != will_be_.end()) replaced += it->second.bytes;
    }
    const uint64_t added = SizeOf(compiled);
    if (added > limits::kSequenceBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the replica with its Configs and Secrets has ", added, " bytes, at most ",
                       limits::kSequenceBytes, " are taken: make them smaller, or split the workload"));
    }
    if (bytes_ - replaced + added <= limits::kSatelliteEntriesBytes) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat(
        "satellite ", snapshot_.satellite->metadata().name(), " would have entries of more than ",
        limits::kSatelliteEntriesBytes, " bytes, which could not be delivered: move workloads to other ",
        "satellites, or make their Configs and Secrets smaller"));
  }

  bool MustWait(const Compiled& compiled) const {
    return !plan_.puts.empty() &&
           (put_bytes_ + SizeOf(compiled) > limits::kSequenceBytes ||
            plan_.puts.size() + compiled.puts.size() > size_t{limits::kTransactionKeys});
  }

  static uint64_t SizeOf(const Compiled& compiled) {
    uint64_t bytes = 0;
    for (const auto& put : compiled.puts) bytes += SizeInDelta(put.entry());
    return bytes;
  }

  absl::StatusOr<Compiled> Compile(const v1::Assignment& assignment) {
    const auto revision = snapshot_.revisions.find(assignment.spec().revision_uid());
    if (revision == snapshot_.revisions.end() || snapshot_.site == nullptr) {
      return absl::FailedPreconditionError(absl::StrCat("revision ", assignment.spec().revision_uid(),
                                                        " or site ", assignment.spec().site(), " is gone"));
    }
    const auto kind = snapshot_.workload_kinds.find(assignment.spec().workload_uid());
    const std::string& project = assignment.metadata().project();
    // Entries that this very plan adds count as stored: two replicas share a Config or Secret.
    return CompileReplica({.assignment = &assignment,
                           .revision = revision->second.get(),
                           .workload_kind = kind == snapshot_.workload_kinds.end() ? "service" : kind->second,
                           .site = snapshot_.site.get(),
                           .satellite = snapshot_.satellite.get(),
                           .configs = Raw(snapshot_.configs, project),
                           .secrets = Raw(snapshot_.secrets, project)},
                          will_be_, sealer_);
  }

  const SatelliteSnapshot& snapshot_;
  const StoredEntries& stored_;
  Sealer& sealer_;
  const absl::Time now_;
  StoredEntries will_be_;
  uint64_t bytes_ = 0;      // of will_be_
  uint64_t put_bytes_ = 0;  // of plan_.puts
  std::set<std::string> held_;
  EntriesPlan plan_;
};

}  // namespace

std::string_view ReasonOfProblem(const absl::Status& problem) {
  if (absl::IsNotFound(problem)) return reason::kMissingSiteValue;
  if (absl::IsFailedPrecondition(problem)) return reason::kWaitingForContact;
  if (absl::IsResourceExhausted(problem)) return reason::kTooLarge;
  return reason::kSecretNotOpened;
}

EntriesPlan DecideEntries(const SatelliteSnapshot& snapshot, const StoredEntries& stored, uint64_t sequence,
                          Sealer& sealer, absl::Time now) {
  return Decision(snapshot, stored, sealer, now).Decide(sequence);
}

}  // namespace perigee::control
