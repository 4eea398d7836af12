#include "control-plane/controllers/entry_cache.h"

#include "absl/strings/str_cat.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/listing.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/text.h"

namespace perigee::control {
namespace {

constexpr size_t kTogetherBytes = limits::kTransactionBytes / 4;

size_t KeysOf(const EntriesPlan& plan) {
  return plan.puts.size() + plan.deletes.size() + 1;
}

size_t BytesOf(const EntriesPlan& plan) {
  size_t bytes = 0;
  for (const auto& put : plan.puts) bytes += put.ByteSizeLong();
  return bytes;
}

// No satellite's fault; after UNAVAILABLE it must also be read first whether it was stored after all.
bool IsOfTheStore(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

// The marks of a head that changes in `epoch`.
void Mark(std::vector<v1::StoredHead::Mark>& marks, const v1::Epoch& epoch, uint64_t sequence) {
  if (marks.empty() || marks.back().epoch().number() != epoch.number()) {
    *marks.emplace_back().mutable_epoch() = epoch;
  }
  marks.back().set_sequence(sequence);
  if (marks.size() > limits::kEpochMarks) marks.erase(marks.begin());
}

}  // namespace

absl::StatusOr<v1::Epoch> EntryCache::CurrentEpoch() {
  if (!epoch_.has_value()) {
    PERIGEE_ASSIGN_OR_RETURN(const Record record, store_.Get(keys::Epoch()));
    v1::Epoch epoch;
    if (!epoch.ParseFromString(record.value)) return absl::DataLossError("the stored epoch cannot be read");
    epoch_ = std::move(epoch);
  }
  return *epoch_;
}

absl::StatusOr<EntryCache::Stored> EntryCache::Load(std::string_view satellite_uid) {
  Stored stored;
  const auto head = store_.Get(keys::EntriesHead(satellite_uid));
  if (absl::IsNotFound(head.status())) return stored;
  if (!head.ok()) return head.status();
  v1::StoredHead parsed;
  if (!parsed.ParseFromString(head->value)) {
    return absl::DataLossError(
        absl::StrCat("the head of satellite ", ToAbsl(satellite_uid), " cannot be read"));
  }
  stored.sequence = parsed.sequence();
  stored.head_revision = head->revision;
  stored.marks.assign(parsed.marks().begin(), parsed.marks().end());
  const auto add = [&](const Record& record) -> absl::Status {
    v1::StoredEntry entry;
    if (!entry.ParseFromString(record.value))
      return absl::DataLossError(absl::StrCat(record.key, " cannot be read"));
    stored.entries[entry.entry().key()] = InfoOf(entry);
    return absl::OkStatus();
  };
  PERIGEE_RETURN_IF_ERROR(ForEachRecord(store_, keys::EntryPrefix(satellite_uid), add).status());
  return stored;
}

absl::StatusOr<const EntryCache::Stored*> EntryCache::Of(std::string_view satellite_uid) {
  auto it = satellites_.find(satellite_uid);
  if (it == satellites_.end()) {
    PERIGEE_ASSIGN_OR_RETURN(Stored stored, Load(satellite_uid));
    it = satellites_.emplace(std::string(satellite_uid), std::move(stored)).first;
  }
  return &it->second;
}

std::map<std::string, absl::Status> EntryCache::Commit(const Plans& plans) {
  std::map<std::string, absl::Status> failed;
  size_t first = 0;
  while (first < plans.size()) {
    size_t last = first, keys = 0, bytes = 0;
    do {
      keys += KeysOf(plans[last].second);
      bytes += BytesOf(plans[last].second);
      ++last;
    } while (last < plans.size() && keys + KeysOf(plans[last].second) <= limits::kTransactionKeys &&
             bytes + BytesOf(plans[last].second) <= kTogetherBytes);
    const absl::Status together = CommitTogether(plans, first, last);
    const bool again = last - first > 1 && !IsOfTheStore(together);
    for (size_t i = first; i < last && !together.ok(); ++i) {
      const absl::Status status = again ? CommitTogether(plans, i, i + 1) : together;
      if (status.ok()) continue;
      Forget(plans[i].first);
      failed.emplace(plans[i].first, Annotate(status, "storing entries"));
    }
    first = last;
  }
  return failed;
}

absl::Status EntryCache::CommitTogether(const Plans& plans, size_t first, size_t last) {
  Transaction transaction;
  PERIGEE_ASSIGN_OR_RETURN(const v1::Epoch epoch, CurrentEpoch());
  for (size_t i = first; i < last; ++i) {
    const auto& [uid, plan] = plans[i];
    PERIGEE_ASSIGN_OR_RETURN(const Stored* stored, Of(uid));
    std::vector<v1::StoredHead::Mark> marks = stored->marks;
    Mark(marks, epoch, plan.head.sequence());
    v1::StoredHead head = plan.head;
    head.mutable_marks()->Assign(marks.begin(), marks.end());
    transaction.compares.push_back({keys::EntriesHead(uid), stored->head_revision});
    transaction.puts.push_back({keys::EntriesHead(uid), CanonicalBytes(head)});
    for (const auto& put : plan.puts)
      transaction.puts.push_back({keys::Entry(uid, put.entry().key()), CanonicalBytes(put)});
    for (const auto& key : plan.deletes) transaction.deletes.push_back(keys::Entry(uid, key));
  }
  PERIGEE_FAILPOINT("controllers.entries.before_commit");
  PERIGEE_ASSIGN_OR_RETURN(const int64_t revision, store_.Commit(std::move(transaction)));
  for (size_t i = first; i < last; ++i) {
    Stored& stored = satellites_.find(plans[i].first)->second;
    Take(plans[i].second, revision, stored);
    Mark(stored.marks, epoch, stored.sequence);
  }
  PERIGEE_FAILPOINT("controllers.entries.after_commit");
  return absl::OkStatus();
}

void EntryCache::Take(const EntriesPlan& plan, int64_t revision, Stored& stored) {
  for (const auto& key : plan.deletes) stored.entries.erase(key);
  for (const auto& put : plan.puts) stored.entries[put.entry().key()] = InfoOf(put);
  stored.sequence = plan.head.sequence();
  stored.head_revision = revision;
}

absl::Status EntryCache::Drop(std::string_view satellite_uid) {
  Forget(satellite_uid);
  while (true) {
    PERIGEE_ASSIGN_OR_RETURN(const Page page,
                             store_.List(keys::EntriesOf(satellite_uid), limits::kTransactionKeys, ""));
    if (page.records.empty()) return absl::OkStatus();
    Transaction transaction;
    for (const Record& record : page.records) transaction.deletes.push_back(record.key);
    PERIGEE_FAILPOINT("controllers.entries.before_drop");
    PERIGEE_RETURN_IF_ERROR(store_.Commit(std::move(transaction)));
  }
}

void EntryCache::Forget(std::string_view satellite_uid) {
  if (auto it = satellites_.find(satellite_uid); it != satellites_.end()) satellites_.erase(it);
}

absl::StatusOr<std::vector<std::string>> EntryCache::Holders() {
  std::vector<std::string> uids;
  std::string after;
  while (true) {
    // The first key of each satellite only: on to what follows all of its keys.
    PERIGEE_ASSIGN_OR_RETURN(const Page page, store_.List(keys::kEntriesPrefix, 1, after));
    if (page.records.empty()) return uids;
    const auto uid = keys::HolderOf(page.records[0].key);
    if (!uid.has_value()) return absl::DataLossError(absl::StrCat("unexpected key ", page.records[0].key));
    uids.push_back(*uid);
    after = absl::StrCat(keys::EntriesOf(*uid), "\xff");
  }
}

std::vector<std::string> EntryCache::SetProblems(std::string_view satellite_uid,
                                                 const std::map<std::string, absl::Status>& problems) {
  auto found = problems_.find(satellite_uid);
  if (found == problems_.end() && problems.empty()) return {};
  if (found == problems_.end()) found = problems_.try_emplace(std::string(satellite_uid)).first;
  std::vector<std::string> changed;
  for (const auto& [uid, problem] : problems) {
    const auto before = found->second.find(uid);
    if (before == found->second.end() || before->second != problem) changed.push_back(uid);
  }
  for (const auto& [uid, problem] : found->second) {
    if (!problems.contains(uid)) changed.push_back(uid);
  }
  found->second = problems;
  if (problems.empty()) problems_.erase(found);
  return changed;
}

absl::Status EntryCache::ProblemOf(std::string_view satellite_uid, const std::string& assignment_uid) const {
  const auto satellite = problems_.find(satellite_uid);
  if (satellite == problems_.end()) return absl::OkStatus();
  const auto found = satellite->second.find(assignment_uid);
  return found == satellite->second.end() ? absl::OkStatus() : found->second;
}

}  // namespace perigee::control
