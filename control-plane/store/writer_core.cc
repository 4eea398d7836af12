#include "control-plane/store/writer_core.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

absl::Status CheckKey(std::string_view key) {
  if (key.empty()) return absl::InvalidArgumentError("a key of a transaction is empty");
  if (key.size() <= limits::kStoreKeyBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a key has ", key.size(), " bytes, at most ", limits::kStoreKeyBytes, " are stored"));
}

size_t SizeOf(const Transaction& transaction) {
  size_t bytes = 0;
  for (const Put& put : transaction.puts) bytes += put.key.size() + put.value.size();
  return bytes;
}

}  // namespace

absl::Status CheckTransaction(const Transaction& transaction) {
  const size_t rows = transaction.puts.size() + transaction.deletes.size();
  if (rows > limits::kTransactionRows || transaction.compares.size() > limits::kTransactionRows) {
    return absl::InvalidArgumentError(absl::StrCat("a transaction has ", rows, " keys, at most ",
                                                   limits::kTransactionRows,
                                                   " are written at once; split it"));
  }
  if (SizeOf(transaction) > limits::kTransactionBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a transaction has ", SizeOf(transaction),
                                                   " bytes, at most ", limits::kTransactionBytes,
                                                   " are written at once; split it"));
  }
  absl::flat_hash_set<absl::string_view> seen;
  for (const Compare& compare : transaction.compares) PERIGEE_RETURN_IF_ERROR(CheckKey(compare.key));
  for (const Put& put : transaction.puts) {
    PERIGEE_RETURN_IF_ERROR(CheckKey(put.key));
    if (!seen.insert(put.key).second)
      return absl::InvalidArgumentError(absl::StrCat(put.key, " is put twice"));
  }
  for (const std::string& key : transaction.deletes) {
    PERIGEE_RETURN_IF_ERROR(CheckKey(key));
    if (!seen.insert(key).second) return absl::InvalidArgumentError(absl::StrCat(key, " is changed twice"));
  }
  return absl::OkStatus();
}

void WriterCore::Enqueue(uint64_t ticket, Transaction transaction) {
  if (absl::Status valid = CheckTransaction(transaction); !valid.ok()) {
    outcomes_.push_back({ticket, valid});
    return;
  }
  const size_t bytes = SizeOf(transaction);
  queue_.push_back({ticket, bytes, std::move(transaction)});
}

std::vector<WriterCore::Queued> WriterCore::TakeFront() {
  std::vector<Queued> front;
  size_t bytes = 0;
  while (!queue_.empty() && front.size() < limits_.transactions) {
    if (!front.empty() && bytes + queue_.front().bytes > limits_.bytes) break;
    bytes += queue_.front().bytes;
    front.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return front;
}

absl::StatusOr<int64_t> WriterCore::Current(const std::string& key, const Batch& batch,
                                            const RevisionOf& revision_of) const {
  const auto row = batch.rows.find(key);
  if (row != batch.rows.end()) return row->second.value.has_value() ? row->second.revision : 0;
  return revision_of(key);
}

absl::Status WriterCore::Judge(const Transaction& transaction, const Batch& batch,
                               const RevisionOf& revision_of) const {
  for (const Compare& compare : transaction.compares) {
    PERIGEE_ASSIGN_OR_RETURN(const int64_t current, Current(compare.key, batch, revision_of));
    if (current == compare.revision) continue;
    return absl::AbortedError(absl::StrCat(compare.key, " was changed by somebody else: it has revision ",
                                           current, ", expected was ", compare.revision,
                                           "; read it and decide again"));
  }
  return absl::OkStatus();
}

absl::Status WriterCore::Apply(Transaction transaction, Batch& batch, const RevisionOf& revision_of) const {
  std::vector<std::string> deletes;
  for (std::string& key : transaction.deletes) {
    PERIGEE_ASSIGN_OR_RETURN(const int64_t current, Current(key, batch, revision_of));
    if (current != 0) deletes.push_back(std::move(key));
  }
  if (transaction.puts.empty() && deletes.empty()) return absl::OkStatus();
  const int64_t revision = ++batch.revision;
  for (Put& put : transaction.puts) {
    batch.rows[put.key] = {revision, put.value};
    batch.changes.push_back({revision, std::move(put.key), std::move(put.value)});
  }
  for (std::string& key : deletes) {
    batch.rows[key] = {revision, std::nullopt};
    batch.changes.push_back({revision, std::move(key), std::nullopt});
  }
  return absl::OkStatus();
}

Batch WriterCore::Decide(const RevisionOf& revision_of) {
  PERIGEE_ASSERT(!deciding_);
  deciding_ = true;
  Batch batch;
  batch.revision = revision_;
  absl::Status unreadable;
  for (Queued& queued : TakeFront()) {
    absl::Status judged = Judge(queued.transaction, batch, revision_of);
    if (judged.ok()) judged = Apply(std::move(queued.transaction), batch, revision_of);
    // A lost comparison concerns its caller; a disk that cannot be read, everybody.
    if (!judged.ok() && !absl::IsAborted(judged)) unreadable.Update(judged);
    pending_.push_back({queued.ticket, judged.ok() ? absl::StatusOr<int64_t>(batch.revision) : judged});
  }
  if (!unreadable.ok()) {
    for (Outcome& outcome : pending_) outcome.result = unreadable;
    batch = Batch{.revision = revision_};
  }
  deciding_revision_ = batch.revision;
  return batch;
}

void WriterCore::Finish(const absl::Status& written) {
  PERIGEE_ASSERT(deciding_);
  deciding_ = false;
  for (Outcome& outcome : pending_) {
    // A comparison may have been lost to a transaction of this very batch, which now does not count: that
    // caller too is told that the store failed.
    if (!written.ok()) outcome.result = written;
    outcomes_.push_back(std::move(outcome));
  }
  pending_.clear();
  if (written.ok()) revision_ = deciding_revision_;
}

std::vector<Outcome> WriterCore::TakeOutcomes() {
  return std::exchange(outcomes_, {});
}

}  // namespace perigee::control
