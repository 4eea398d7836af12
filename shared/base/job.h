// The shape of every background job: a named thread that runs one body at a
// jittered interval, or sooner when woken, until stopped. Joined by the destructor.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "shared/base/wakeup.h"

namespace perigee {

class BackgroundJob {
 public:
  struct Config {
    const char* thread_name;  // at most 15 characters
    absl::Duration interval;  // absl::InfiniteDuration(): only when woken
    double jitter = 0.1;      // of the interval
  };
  // `body` runs on the job's thread only, first at once.
  BackgroundJob(Config config, std::function<void()> body);
  ~BackgroundJob();
  BackgroundJob(const BackgroundJob&) = delete;
  BackgroundJob& operator=(const BackgroundJob&) = delete;

  void Wake();  // runs the body once more, soon; calls while it waits are one. Thread-safe.
  void Stop();  // returns when the body has returned. Idempotent.

 private:
  void Loop();

  const Config config_;
  const std::function<void()> body_;
  Wakeup wakeup_;
  std::atomic<bool> stopping_{false};
  absl::Mutex join_mutex_;
  std::thread thread_ ABSL_GUARDED_BY(join_mutex_);
};

// A single thread that runs posted tasks in order. Library callbacks only post to one.
class Executor {
 public:
  explicit Executor(const char* thread_name);
  ~Executor();  // runs what was posted, then joins
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Post(std::function<void()> task);                             // thread-safe
  void PostAfter(absl::Duration delay, std::function<void()> task);  // dropped at destruction

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace perigee
