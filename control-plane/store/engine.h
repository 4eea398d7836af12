// What lies under the writer: where rows are kept. Write and RevisionOf are called by
// the writer's thread only, the rest by any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "control-plane/store/store.h"
#include "control-plane/store/writer_core.h"

namespace perigee::control {

class Engine {
 public:
  virtual ~Engine() = default;
  // OK: all of it is durable. Any error: none of it is there.
  [[nodiscard]] virtual absl::Status Write(const Batch& batch) = 0;
  // 0 when there is no such key.
  [[nodiscard]] virtual absl::StatusOr<int64_t> RevisionOf(const std::string& key) = 0;
  // Of the last durable batch.
  [[nodiscard]] virtual absl::StatusOr<int64_t> Revision() = 0;
  [[nodiscard]] virtual absl::StatusOr<Record> Get(std::string_view key) = 0;
  [[nodiscard]] virtual absl::StatusOr<Page> List(std::string_view prefix, int limit,
                                                  std::string_view after) = 0;
};

// Bytes of one page, about: a page ends early rather than filling the memory.
inline constexpr size_t kPageBytes = 8 << 20;

// `limit` within 1 and limits::kListPage.
int PageLimit(int limit);
absl::Status NoSuchKey(std::string_view key);

}  // namespace perigee::control
