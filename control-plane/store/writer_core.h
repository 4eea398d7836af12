// The store's writer as a state machine without I/O, clock or threads: which
// queued transactions go into the next commit, what they change, and what their
// callers are told.
//
//   core.Enqueue(ticket, transaction);                       // any number
//   Batch batch = core.Decide(revision_of);                  // reads what the comparisons need
//   core.Finish(engine.Write(batch));                        // exactly one Finish for each Decide
//   for (Outcome& outcome : core.TakeOutcomes()) ...         // answer the callers
//
// Transactions of one batch are judged in order, each against what those before it
// leave, and each that changes something has its own revision. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control-plane/store/store.h"

namespace perigee::control {

// Over the limits, a key twice, or a key empty: INVALID_ARGUMENT.
[[nodiscard]] absl::Status CheckTransaction(const Transaction& transaction);

struct Row {
  int64_t revision = 0;
  std::optional<std::string> value;  // nothing: delete
};

// What one durable commit writes.
struct Batch {
  std::map<std::string, Row> rows;  // the last state of every key that changes
  std::vector<Change> changes;      // all of them, in order of revision, for the feed
  int64_t revision = 0;             // of the store after it
};

struct Outcome {
  uint64_t ticket = 0;
  absl::StatusOr<int64_t> result;
};

class WriterCore {
 public:
  struct Limits {
    size_t transactions;
    size_t bytes;
  };
  WriterCore(int64_t revision, Limits batch_limits) : limits_(batch_limits), revision_(revision) {}

  // `ticket` comes back with the outcome. A transaction that is not valid has its outcome at once.
  void Enqueue(uint64_t ticket, Transaction transaction);
  bool HasWork() const { return !queue_.empty(); }

  // The current revision of a key as the disk has it, 0 when there is none.
  using RevisionOf = std::function<absl::StatusOr<int64_t>(const std::string& key)>;
  // Judges the front of the queue. No rows: nothing has to be written, Finish is still due. When a revision
  // cannot be read, the transactions of this batch fail with that and the batch is empty.
  Batch Decide(const RevisionOf& revision_of);
  // OK: all of the batch is durable. Else none of it may count.
  void Finish(const absl::Status& written);
  std::vector<Outcome> TakeOutcomes();

  int64_t revision() const { return revision_; }  // of the last finished batch

 private:
  struct Queued {
    uint64_t ticket;
    size_t bytes;
    Transaction transaction;
  };
  absl::Status Judge(const Transaction& transaction, const Batch& batch, const RevisionOf& revision_of) const;
  absl::StatusOr<int64_t> Current(const std::string& key, const Batch& batch,
                                  const RevisionOf& revision_of) const;
  absl::Status Apply(Transaction transaction, Batch& batch, const RevisionOf& revision_of) const;
  std::vector<Queued> TakeFront();

  const Limits limits_;
  int64_t revision_;
  int64_t deciding_revision_ = 0;  // of the batch between Decide and Finish
  bool deciding_ = false;
  std::deque<Queued> queue_;
  std::vector<Outcome> pending_;   // of the batch between Decide and Finish
  std::vector<Outcome> outcomes_;  // to be taken
};

}  // namespace perigee::control
