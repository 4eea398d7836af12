#include "satellite/health/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "satellite/health/prober.h"
#include "shared/base/files.h"
#include "shared/base/process.h"
#include "shared/base/status.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {
namespace {

absl::Duration SinceBoot(const Clock& clock) {
  return absl::FromChrono(clock.SinceBoot());
}

// Longest wait of poll: a moved test clock or a suspended machine is noticed by then.
constexpr absl::Duration kLongestWait = absl::Seconds(1);

}  // namespace

class HealthMonitor::Loop {
 public:
  Loop(const Clock& clock, std::function<void()> changed, Runtime& runtime)
      : clock_(clock),
        changed_(std::move(changed)),
        runtime_(runtime),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    PERIGEE_ASSERT(wake_.valid());
    thread_ = std::thread([this] { Run(); });
  }

  ~Loop() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    Wake();
    thread_.join();
  }

  void Watch(const std::string& id, const std::string& run, ProbeSpecs specs,
             std::optional<RecalledHealth> recalled) {
    {
      absl::MutexLock lock(&mutex_);
      auto it = watched_.find(id);
      if (it != watched_.end() && it->second.run == run) return;
      watched_.insert_or_assign(
          id, Watched{run, ++generation_, ProbeState(std::move(specs), SinceBoot(clock_), recalled)});
    }
    Wake();
  }

  void Forget(const std::string& id) {
    {
      absl::MutexLock lock(&mutex_);
      watched_.erase(id);
    }
    Wake();
  }

  std::map<std::string, HealthView> Views() const {
    absl::MutexLock lock(&mutex_);
    std::map<std::string, HealthView> views;
    for (const auto& [id, watched] : watched_) views.emplace(id, watched.state.View());
    return views;
  }

 private:
  struct Watched {
    std::string run;
    uint64_t generation;
    ProbeState state;
  };
  // One that is under way, or an exec probe that waits for its turn (no attempt yet).
  struct Asking {
    std::string id;
    uint64_t generation;
    ProbeRole role;
    ProbeTarget target;
    absl::Duration timeout;
    std::unique_ptr<Attempt> attempt;
    absl::Duration deadline;
    bool done = false;
  };

  void Wake() {
    const uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof(one));
  }

  void Run() {
    NameThread("health");
    while (true) {
      {
        absl::MutexLock lock(&mutex_);
        if (stopping_) return;
        DropForgotten();
        TakeDue();
      }
      BeginWaiting();
      Poll();
      if (Settle() && changed_) changed_();
    }
  }

  void DropForgotten() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::erase_if(asking_, [&](const Asking& asking) {
      mutex_.AssertHeld();
      auto it = watched_.find(asking.id);
      return it == watched_.end() || it->second.generation != asking.generation;
    });
  }

  void TakeDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Duration now = SinceBoot(clock_);
    next_due_ = absl::InfiniteDuration();
    for (auto& [id, watched] : watched_) {
      for (ProbeRole role : watched.state.TakeDue(now)) {
        const ProbeSpec& spec = watched.state.SpecOf(role);
        asking_.push_back({id, watched.generation, role, spec.target, spec.timeout, nullptr, now});
      }
      next_due_ = std::min(next_due_, watched.state.NextDue());
    }
  }

  void BeginWaiting() {
    auto is_exec = [](const Asking& asking) { return asking.target.kind == ProbeTarget::Kind::kExec; };
    int exec = static_cast<int>(std::count_if(
        asking_.begin(), asking_.end(), [&](const Asking& a) { return is_exec(a) && a.attempt != nullptr; }));
    for (Asking& asking : asking_) {
      if (asking.attempt != nullptr || (is_exec(asking) && exec >= kExecProbesAtOnce)) continue;
      auto attempt = BeginAttempt({asking.id, asking.target, asking.timeout}, runtime_);
      if (!attempt.ok()) {
        results_.push_back(
            {&asking, ProbeResult{false, std::string(attempt.status().message()), is_exec(asking)}});
        continue;
      }
      asking.attempt = *std::move(attempt);
      asking.deadline = SinceBoot(clock_) + asking.attempt->Patience();
      if (is_exec(asking)) ++exec;
    }
  }

  void Poll() {
    std::vector<pollfd> fds = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    absl::Duration until = next_due_;
    for (const Asking& asking : asking_) {
      if (asking.attempt == nullptr) continue;
      fds.push_back({.fd = asking.attempt->fd(), .events = asking.attempt->events(), .revents = 0});
      until = std::min(until, asking.deadline);
    }
    absl::Duration wait = std::clamp(until - SinceBoot(clock_), absl::ZeroDuration(), kLongestWait);
    if (!results_.empty()) wait = absl::ZeroDuration();
    poll(fds.data(), fds.size(), PollTimeout(wait));
    uint64_t count;
    (void)!read(wake_.get(), &count, sizeof(count));
  }

  // Gives results back. True when a view has changed.
  bool Settle() {
    const absl::Duration now = SinceBoot(clock_);
    for (Asking& asking : asking_) {
      if (asking.attempt == nullptr) continue;
      std::optional<ProbeResult> result = asking.attempt->Advance();
      if (!result.has_value() && now >= asking.deadline) {
        result = asking.attempt->TooLate();
      }
      if (result.has_value()) results_.push_back({&asking, *std::move(result)});
    }
    bool changed = false;
    {
      absl::MutexLock lock(&mutex_);
      for (auto& [asking, result] : results_) {
        auto it = watched_.find(asking->id);
        if (it == watched_.end() || it->second.generation != asking->generation) continue;
        const HealthView before = it->second.state.View();
        it->second.state.OnResult(asking->role, result, now);
        changed |= !(it->second.state.View() == before);
      }
    }
    for (auto& [asking, result] : results_) asking->done = true;
    results_.clear();
    std::erase_if(asking_, [](const Asking& asking) { return asking.done; });
    return changed;
  }

  const Clock& clock_;
  const std::function<void()> changed_;
  Runtime& runtime_;
  const Fd wake_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Watched> watched_ ABSL_GUARDED_BY(mutex_);

  // The thread's own.
  std::vector<Asking> asking_;
  std::vector<std::pair<Asking*, ProbeResult>> results_;
  absl::Duration next_due_ = absl::InfiniteDuration();
  std::thread thread_;
};

HealthMonitor::HealthMonitor(const Clock& clock, std::function<void()> changed, Runtime& runtime)
    : loop_(std::make_unique<Loop>(clock, std::move(changed), runtime)) {}
HealthMonitor::~HealthMonitor() = default;
void HealthMonitor::Watch(const std::string& id, const std::string& run, ProbeSpecs specs,
                          std::optional<RecalledHealth> recalled) {
  loop_->Watch(id, run, std::move(specs), recalled);
}
void HealthMonitor::Forget(const std::string& id) {
  loop_->Forget(id);
}
std::map<std::string, HealthView> HealthMonitor::Views() const {
  return loop_->Views();
}

}  // namespace perigee::satellite
