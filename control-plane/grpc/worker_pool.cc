#include "control-plane/grpc/worker_pool.h"

#include <utility>

#include "shared/base/process.h"

namespace perigee::control {

WorkerPool::WorkerPool(int threads, size_t queue) : queue_(queue) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      NameThread("grpc-worker");
      Work();
    });
  }
}

WorkerPool::~WorkerPool() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    ready_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::TryPost(std::function<void()> task) {
  absl::MutexLock lock(&mutex_);
  if (tasks_.size() >= queue_) return false;
  tasks_.push_back(std::move(task));
  ready_.Signal();
  return true;
}

void WorkerPool::Post(std::function<void()> task) {
  absl::MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
  ready_.Signal();
}

void WorkerPool::Work() {
  while (true) {
    std::function<void()> task;
    {
      absl::MutexLock lock(&mutex_);
      while (tasks_.empty() && !stopping_) ready_.Wait(&mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace perigee::control
