#include "control-plane/identity/failure_limiter.h"

namespace perigee::control {
namespace {

// Addresses remembered at most; beyond it, those whose failures are all old go first.
constexpr size_t kAddresses = 10'000;
constexpr absl::Duration kSweepInterval = absl::Seconds(1);

void DropOld(std::deque<absl::Time>& failed, absl::Time before) {
  while (!failed.empty() && failed.front() <= before) failed.pop_front();
}

}  // namespace

absl::Duration FailureLimiter::Begin(std::string_view address, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  MakeRoom(now);
  std::deque<absl::Time>& failed = failed_[std::string(address)];
  DropOld(failed, now - window_);
  if (static_cast<int>(failed.size()) >= failures_) return failed.front() + window_ - now;
  failed.push_back(now);
  return absl::ZeroDuration();
}

void FailureLimiter::Succeed(std::string_view address) {
  absl::MutexLock lock(&mutex_);
  const auto found = failed_.find(std::string(address));
  if (found == failed_.end()) return;
  if (!found->second.empty()) found->second.pop_back();
  if (found->second.empty()) failed_.erase(found);
}

void FailureLimiter::MakeRoom(absl::Time now) {
  if (failed_.size() < kAddresses) return;
  if (now < next_sweep_) {  // looking through all of them for each newcomer would be the attacker's gain
    failed_.erase(failed_.begin());
    return;
  }
  next_sweep_ = now + kSweepInterval;
  absl::erase_if(failed_, [&](auto& entry) {
    DropOld(entry.second, now - window_);
    return entry.second.empty();
  });
  if (failed_.size() >= kAddresses) failed_.erase(failed_.begin());
}

}  // namespace perigee::control
