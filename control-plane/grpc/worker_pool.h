// A few threads for calls that may block. gRPC's own threads only post here.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace perigee::control {

// Thread-safe.
class WorkerPool {
 public:
  WorkerPool(int threads, size_t queue);
  ~WorkerPool();  // runs what was posted, then joins
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when `queue` tasks wait already: say so to the caller.
  [[nodiscard]] bool TryPost(std::function<void()> task);
  // Whatever waits: for steps of streams, of which each has one at most.
  void Post(std::function<void()> task);

 private:
  void Work();

  const size_t queue_;
  absl::Mutex mutex_;
  absl::CondVar ready_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace perigee::control
