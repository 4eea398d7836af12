#include "control-plane/store/writer_store.h"

#include <utility>

#include "shared/base/limits.h"
#include "shared/base/process.h"
#include "shared/base/status.h"

namespace perigee::control {

WriterStore::WriterStore(std::unique_ptr<Engine> engine, int64_t revision, const Clock& clock)
    : engine_(std::move(engine)),
      feed_(std::make_shared<ChangeFeed>(
          revision,
          ChangeFeed::Retention{std::chrono::minutes(limits::kChangeFeedMinutes), limits::kChangeFeedBytes},
          clock)),
      revision_(revision),
      core_(revision, {limits::kGroupCommitTransactions, limits::kGroupCommitBytes}),
      thread_([this] { Loop(); }) {}

WriterStore::~WriterStore() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    work_.Signal();
  }
  thread_.join();
  feed_->Close();
}

absl::StatusOr<int64_t> WriterStore::Commit(Transaction transaction) {
  Waiter waiter;
  waiter.transaction = std::move(transaction);
  absl::MutexLock lock(&mutex_);
  if (stopping_) return absl::UnavailableError("the store is closing");
  incoming_.push_back(&waiter);
  work_.Signal();
  while (!waiter.done) waiter.answered.Wait(&mutex_);
  return std::move(waiter.result);
}

bool WriterStore::TakeIncoming() {
  absl::MutexLock lock(&mutex_);
  while (incoming_.empty() && !stopping_) work_.Wait(&mutex_);
  for (Waiter* waiter : incoming_) {
    core_.Enqueue(reinterpret_cast<uintptr_t>(waiter), std::move(waiter->transaction));
  }
  incoming_.clear();
  return core_.HasWork() || !stopping_;
}

void WriterStore::CommitBatch() {
  const Batch batch = core_.Decide([this](const std::string& key) { return engine_->RevisionOf(key); });
  const absl::Status written = batch.rows.empty() ? absl::OkStatus() : engine_->Write(batch);
  core_.Finish(written);
  if (!written.ok() || batch.rows.empty()) return;
  // Before anybody is told, so that whoever commits and then watches or asks for the revision sees it.
  revision_.store(batch.revision);
  feed_->Publish(batch.changes);
}

void WriterStore::Answer() {
  absl::MutexLock lock(&mutex_);
  for (Outcome& outcome : core_.TakeOutcomes()) {
    auto* const waiter = reinterpret_cast<Waiter*>(outcome.ticket);
    waiter->result = std::move(outcome.result);
    waiter->done = true;
    waiter->answered.Signal();
  }
}

void WriterStore::Loop() {
  NameThread("store");
  while (TakeIncoming()) {
    while (core_.HasWork()) {
      CommitBatch();
      Answer();
    }
    Answer();  // of those that were not valid
  }
  Answer();
}

absl::StatusOr<Record> WriterStore::Get(std::string_view key) {
  return engine_->Get(key);
}

absl::StatusOr<Page> WriterStore::List(std::string_view prefix, int limit, std::string_view after) {
  return engine_->List(prefix, limit, after);
}

absl::StatusOr<std::unique_ptr<Feed>> WriterStore::Watch(std::string_view prefix, int64_t from_revision) {
  int64_t newest = revision_.load();
  // A list may have seen a commit that is durable and about to be published.
  if (from_revision > newest) {
    PERIGEE_ASSIGN_OR_RETURN(newest, engine_->Revision());
  }
  return feed_->Watch(prefix, from_revision, newest);
}

int64_t WriterStore::Revision() {
  return revision_.load();
}

}  // namespace perigee::control
