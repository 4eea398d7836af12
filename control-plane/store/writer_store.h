// The store around an engine: one writer thread ("store") that commits everything
// waiting at once (group commit), and the change feed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "control-plane/store/change_feed.h"
#include "control-plane/store/engine.h"
#include "control-plane/store/store.h"
#include "control-plane/store/writer_core.h"
#include "shared/base/clock.h"

namespace perigee::control {

class WriterStore final : public Store {
 public:
  // `revision` is the engine's.
  WriterStore(std::unique_ptr<Engine> engine, int64_t revision, const Clock& clock);
  // Nobody may be inside Commit any more.
  ~WriterStore() override;

  absl::StatusOr<int64_t> Commit(Transaction transaction) override;
  absl::StatusOr<Record> Get(std::string_view key) override;
  absl::StatusOr<Page> List(std::string_view prefix, int limit, std::string_view after) override;
  absl::StatusOr<std::unique_ptr<Feed>> Watch(std::string_view prefix, int64_t from_revision) override;
  int64_t Revision() override;

 private:
  // A caller that waits for its result, on its own stack.
  struct Waiter {
    Transaction transaction;
    absl::StatusOr<int64_t> result;
    bool done = false;
    absl::CondVar answered;
  };
  void Loop();
  bool TakeIncoming();
  void CommitBatch();
  void Answer();

  const std::unique_ptr<Engine> engine_;
  const std::shared_ptr<ChangeFeed> feed_;
  std::atomic<int64_t> revision_;
  WriterCore core_;  // of the writer's thread

  absl::Mutex mutex_;
  absl::CondVar work_;
  std::vector<Waiter*> incoming_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace perigee::control
