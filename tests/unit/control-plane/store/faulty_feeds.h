// A store whose feeds a test breaks and mends. Everything else is the store beneath.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "control-plane/store/store.h"

namespace perigee::control {

class FaultyFeeds final : public Store {
 public:
  explicit FaultyFeeds(std::unique_ptr<Store> beneath) : beneath_(std::move(beneath)) {}

  // From now on feeds of exactly this prefix end with this, and none of it can be opened.
  void Break(const std::string& prefix, const absl::Status& why) {
    absl::MutexLock lock(&faults_->mutex);
    faults_->why[prefix] = why;
    for (const auto& [of, weak] : faults_->feeds) {
      const auto feed = weak.lock();
      if (feed != nullptr && of == prefix) feed->Cancel();
    }
  }
  void Mend() {
    absl::MutexLock lock(&faults_->mutex);
    faults_->why.clear();
  }

  absl::StatusOr<int64_t> Commit(Transaction transaction) override {
    return beneath_->Commit(std::move(transaction));
  }
  absl::StatusOr<Record> Get(std::string_view key) override { return beneath_->Get(key); }
  absl::StatusOr<Page> List(std::string_view prefix, int limit, std::string_view after) override {
    return beneath_->List(prefix, limit, after);
  }
  absl::StatusOr<std::unique_ptr<Feed>> Watch(std::string_view prefix, int64_t from_revision) override {
    absl::MutexLock lock(&faults_->mutex);
    const std::string key(prefix);
    if (const auto why = faults_->why.find(key); why != faults_->why.end()) return why->second;
    auto feed = beneath_->Watch(prefix, from_revision);
    if (!feed.ok()) return feed.status();
    std::shared_ptr<Feed> shared = *std::move(feed);
    faults_->feeds.emplace_back(key, shared);
    return std::make_unique<FaultyFeed>(key, std::move(shared), faults_);
  }
  int64_t Revision() override { return beneath_->Revision(); }

 private:
  struct Faults {
    absl::Mutex mutex;
    std::map<std::string, absl::Status> why ABSL_GUARDED_BY(mutex);
    std::vector<std::pair<std::string, std::weak_ptr<Feed>>> feeds ABSL_GUARDED_BY(mutex);
  };
  class FaultyFeed final : public Feed {
   public:
    FaultyFeed(std::string prefix, std::shared_ptr<Feed> beneath, std::shared_ptr<Faults> faults)
        : prefix_(std::move(prefix)), beneath_(std::move(beneath)), faults_(std::move(faults)) {}
    absl::StatusOr<std::vector<Change>> Next(absl::Duration timeout) override {
      auto changes = beneath_->Next(timeout);
      absl::MutexLock lock(&faults_->mutex);
      const auto why = faults_->why.find(prefix_);
      return why == faults_->why.end() ? std::move(changes) : why->second;
    }
    void Cancel() override { beneath_->Cancel(); }

   private:
    const std::string prefix_;
    const std::shared_ptr<Feed> beneath_;
    const std::shared_ptr<Faults> faults_;
  };

  const std::unique_ptr<Store> beneath_;
  const std::shared_ptr<Faults> faults_ = std::make_shared<Faults>();
};

}  // namespace perigee::control
