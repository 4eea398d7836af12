#include "shared/base/job.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <utility>

#include "shared/base/process.h"
#include "shared/base/random.h"
#include "shared/base/status.h"

namespace perigee {

BackgroundJob::BackgroundJob(Config config, std::function<void()> body)
    : config_(config), body_(std::move(body)), thread_([this] { Loop(); }) {}

BackgroundJob::~BackgroundJob() {
  Stop();
}

void BackgroundJob::Wake() {
  wakeup_.Notify();
}

void BackgroundJob::Stop() {
  stopping_.store(true);
  wakeup_.Notify();
  absl::MutexLock lock(&join_mutex_);
  if (thread_.joinable()) thread_.join();
}

void BackgroundJob::Loop() {
  NameThread(config_.thread_name);
  while (!stopping_.load()) {
    body_();
    if (stopping_.load()) return;
    const double spread = config_.jitter * (2 * SystemRandom().Fraction() - 1);
    wakeup_.WaitFor(config_.interval * (1 + spread));
  }
}

struct Executor::State {
  using SteadyTime = std::chrono::steady_clock::time_point;

  Wakeup wakeup;
  absl::Mutex mutex;
  std::deque<std::function<void()>> posted ABSL_GUARDED_BY(mutex);
  std::multimap<SteadyTime, std::function<void()>> delayed ABSL_GUARDED_BY(mutex);
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  std::thread thread;

  // What to run next, or null and how long to wait for more. Done: null and a wait of zero.
  std::pair<std::function<void()>, absl::Duration> Next() {
    absl::MutexLock lock(&mutex);
    const SteadyTime now = std::chrono::steady_clock::now();
    if (!stopping) {
      while (!delayed.empty() && delayed.begin()->first <= now) {
        posted.push_back(std::move(delayed.begin()->second));
        delayed.erase(delayed.begin());
      }
    }
    if (!posted.empty()) {
      std::function<void()> task = std::move(posted.front());
      posted.pop_front();
      return {std::move(task), absl::ZeroDuration()};
    }
    if (stopping) return {nullptr, absl::ZeroDuration()};
    if (delayed.empty()) return {nullptr, absl::InfiniteDuration()};
    return {nullptr, std::max(absl::FromChrono(delayed.begin()->first - now), absl::Nanoseconds(1))};
  }

  void Loop(const char* thread_name) {
    NameThread(thread_name);
    while (true) {
      auto [task, wait] = Next();
      if (task) {
        task();
      } else if (wait == absl::ZeroDuration()) {
        return;
      } else {
        wakeup.WaitFor(wait);
      }
    }
  }
};

Executor::Executor(const char* thread_name) : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get(), thread_name] { state->Loop(thread_name); });
}

Executor::~Executor() {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopping = true;
  }
  state_->wakeup.Notify();
  state_->thread.join();
}

void Executor::Post(std::function<void()> task) {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->posted.push_back(std::move(task));
  }
  state_->wakeup.Notify();
}

void Executor::PostAfter(absl::Duration delay, std::function<void()> task) {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->delayed.emplace(std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(delay),
                            std::move(task));
  }
  state_->wakeup.Notify();
}

}  // namespace perigee
