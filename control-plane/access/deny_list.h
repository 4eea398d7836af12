// The live deny-list: satellites whose identity is never accepted again. It, not
// the certificate's expiry, removes a satellite, so it is asked for every message.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "control-plane/access/caller.h"

namespace perigee::control {

// Thread-safe.
class DenyList {
 public:
  // Before the first Replace everything is denied: a start must not forget a revocation.
  void Replace(const std::set<std::string>& satellite_uids);
  void Add(std::string_view satellite_uid);

  [[nodiscard]] bool Contains(std::string_view satellite_uid) const;
  // UNAUTHENTICATED for a satellite that was revoked; OK for other callers.
  [[nodiscard]] absl::Status Check(const Caller& caller) const;

  // Called on the adding thread, once for each satellite newly denied, so that its session ends at once.
  void OnRevoked(std::function<void(const std::string& satellite_uid)> listener);

 private:
  mutable absl::Mutex mutex_;
  bool loaded_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<std::string> revoked_ ABSL_GUARDED_BY(mutex_);
  std::function<void(const std::string&)> listener_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perigee::control
