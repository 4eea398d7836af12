#include "control-plane/store/memory_store.h"

#include <map>
#include <string>
#include <utility>

#include "control-plane/store/engine.h"
#include "control-plane/store/writer_store.h"
#include "shared/base/failpoint.h"

namespace perigee::control {
namespace {

class MemoryEngine final : public Engine {
 public:
  absl::Status Write(const Batch& batch) override {
    PERIGEE_FAILPOINT("store.commit");
    absl::MutexLock lock(&mutex_);
    for (const auto& [key, row] : batch.rows) {
      if (row.value.has_value()) {
        records_[key] = {key, *row.value, row.revision};
      } else {
        records_.erase(key);
      }
    }
    revision_ = batch.revision;
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> RevisionOf(const std::string& key) override {
    absl::MutexLock lock(&mutex_);
    const auto found = records_.find(key);
    return found == records_.end() ? 0 : found->second.revision;
  }

  absl::StatusOr<int64_t> Revision() override {
    absl::MutexLock lock(&mutex_);
    return revision_;
  }

  absl::StatusOr<Record> Get(std::string_view key) override {
    absl::MutexLock lock(&mutex_);
    const auto found = records_.find(key);
    if (found == records_.end()) return NoSuchKey(key);
    return found->second;
  }

  absl::StatusOr<Page> List(std::string_view prefix, int limit, std::string_view after) override {
    absl::MutexLock lock(&mutex_);
    Page page{.revision = revision_};
    size_t bytes = 0;
    auto next = after < prefix ? records_.lower_bound(prefix) : records_.upper_bound(after);
    for (; next != records_.end() && std::string_view(next->first).starts_with(prefix); ++next) {
      if (static_cast<int>(page.records.size()) == PageLimit(limit) || bytes >= kPageBytes) {
        page.more = true;
        break;
      }
      bytes += next->second.value.size();
      page.records.push_back(next->second);
    }
    return page;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, Record, std::less<>> records_ ABSL_GUARDED_BY(mutex_);
  int64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::unique_ptr<Store> NewMemoryStore(const Clock& clock) {
  return std::make_unique<WriterStore>(std::make_unique<MemoryEngine>(), 0, clock);
}

}  // namespace perigee::control
