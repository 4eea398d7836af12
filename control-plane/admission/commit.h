// The last step of the door: objects and audit records in one transaction.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "control-plane/admission/change_set.h"
#include "control-plane/store/store.h"

namespace perigee::control {

// Nothing to do: the store's revision. ABORTED when what was read has changed.
[[nodiscard]] absl::StatusOr<int64_t> CommitAudited(Store& store, ChangeSet changes);

// Runs the whole decision again, a few times, while it is ABORTED.
inline constexpr int kCommitAttempts = 5;
template <typename Decision>
auto RetryAborted(Decision decide) -> decltype(decide()) {
  for (int attempt = 1;; ++attempt) {
    auto result = decide();
    if (attempt == kCommitAttempts || !absl::IsAborted(result.status())) return result;
  }
}

}  // namespace perigee::control
