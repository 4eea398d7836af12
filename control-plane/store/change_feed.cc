#include "control-plane/store/change_feed.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::control {

class ChangeFeed::Reader final : public Feed {
 public:
  Reader(std::shared_ptr<ChangeFeed> feed, std::string_view prefix, int64_t after)
      : feed_(std::move(feed)), prefix_(prefix), after_(after) {}

  absl::StatusOr<std::vector<Change>> Next(absl::Duration timeout) override {
    const absl::Time deadline = absl::Now() + timeout;
    absl::MutexLock lock(&feed_->mutex_);
    while (true) {
      if (feed_->closed_) return absl::CancelledError("the store is closed");
      if (cancelled_) return absl::CancelledError("the feed was cancelled");
      if (after_ < feed_->floor_) {
        return absl::OutOfRangeError(
            absl::StrCat("changes after revision ", after_,
                         " are no longer kept: list, then watch from the list's revision"));
      }
      std::vector<Change> changes = Collect();
      if (!changes.empty()) return changes;
      if (feed_->changed_.WaitWithDeadline(&feed_->mutex_, deadline)) return std::vector<Change>();
    }
  }

  void Cancel() override {
    absl::MutexLock lock(&feed_->mutex_);
    cancelled_ = true;
    feed_->changed_.SignalAll();
  }

 private:
  // Whole revisions only; what does not match is passed over for good.
  std::vector<Change> Collect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(feed_->mutex_) {
    std::vector<Change> changes;
    auto next =
        std::upper_bound(feed_->kept_.begin(), feed_->kept_.end(), after_,
                         [](int64_t revision, const Kept& k) { return revision < k.change.revision; });
    for (; next != feed_->kept_.end(); ++next) {
      if (changes.size() >= limits::kFeedAnswerChanges && next->change.revision != after_) return changes;
      after_ = next->change.revision;
      if (std::string_view(next->change.key).starts_with(prefix_)) changes.push_back(next->change);
    }
    return changes;
  }

  const std::shared_ptr<ChangeFeed> feed_;
  const std::string prefix_;
  int64_t after_ ABSL_GUARDED_BY(feed_->mutex_);
  bool cancelled_ ABSL_GUARDED_BY(feed_->mutex_) = false;
};

ChangeFeed::ChangeFeed(int64_t revision, Retention retention, const Clock& clock)
    : retention_(retention), clock_(clock), floor_(revision), newest_(revision) {}

uint64_t ChangeFeed::SizeOf(const Change& change) {
  return sizeof(Kept) + change.key.size() + (change.value.has_value() ? change.value->size() : 0);
}

void ChangeFeed::Publish(const std::vector<Change>& changes) {
  const auto now = clock_.SinceBoot();
  absl::MutexLock lock(&mutex_);
  for (const Change& change : changes) {
    PERIGEE_ASSERT(change.revision >= newest_);
    newest_ = change.revision;
    bytes_ += SizeOf(change);
    kept_.push_back({change, now});
  }
  Compact();
  changed_.SignalAll();
}

void ChangeFeed::DropOldestRevision() {
  floor_ = kept_.front().change.revision;
  while (!kept_.empty() && kept_.front().change.revision == floor_) {
    bytes_ -= SizeOf(kept_.front().change);
    kept_.pop_front();
  }
}

void ChangeFeed::Compact() {
  const auto oldest = clock_.SinceBoot() - retention_.time;
  // The newest revision stays whatever its size, so that readers who keep up are never cut off.
  while (!kept_.empty() && kept_.front().change.revision != newest_ &&
         (kept_.front().at < oldest || bytes_ > retention_.bytes)) {
    DropOldestRevision();
  }
}

void ChangeFeed::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  changed_.SignalAll();
}

absl::StatusOr<std::unique_ptr<Feed>> ChangeFeed::Watch(std::string_view prefix, int64_t from_revision,
                                                        int64_t newest) {
  absl::MutexLock lock(&mutex_);
  Compact();
  if (from_revision < floor_ || from_revision > std::max(newest, newest_)) {
    return absl::OutOfRangeError(absl::StrCat("changes after revision ", from_revision,
                                              " are not known, only those after ", floor_,
                                              ": list, then watch from the list's revision"));
  }
  return std::make_unique<Reader>(shared_from_this(), prefix, from_revision);
}

}  // namespace perigee::control
