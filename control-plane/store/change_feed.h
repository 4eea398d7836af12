// The last changes of a store, in memory, and their readers. Keeps ten minutes
// (limits::kChangeFeedMinutes), or 64 MiB when that is less; a reader that wants
// older ones is told OUT_OF_RANGE. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "control-plane/store/store.h"
#include "shared/base/clock.h"

namespace perigee::control {

class ChangeFeed : public std::enable_shared_from_this<ChangeFeed> {
 public:
  struct Retention {
    std::chrono::nanoseconds time;
    uint64_t bytes;
  };
  // Begins after `revision`.
  ChangeFeed(int64_t revision, Retention retention, const Clock& clock);

  // All changes of one durable batch, in order. Wakes readers.
  void Publish(const std::vector<Change>& changes);
  // Readers get CANCELLED from now on.
  void Close();
  // `newest`: the highest revision that exists; over it there is nothing to wait for.
  absl::StatusOr<std::unique_ptr<Feed>> Watch(std::string_view prefix, int64_t from_revision, int64_t newest);

 private:
  class Reader;
  struct Kept {
    Change change;
    std::chrono::nanoseconds at;
  };
  void Compact() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropOldestRevision() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static uint64_t SizeOf(const Change& change);

  const Retention retention_;
  const Clock& clock_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::deque<Kept> kept_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t floor_ ABSL_GUARDED_BY(mutex_);   // changes up to it are gone
  int64_t newest_ ABSL_GUARDED_BY(mutex_);  // published so far
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace perigee::control
