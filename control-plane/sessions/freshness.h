// How fresh what is known of each satellite is: a property of a live session, in memory, never inferred from old data.
// After a start everything is "unknown" until the satellite is heard again. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "proto/perigee/v1/cloud.pb.h"

namespace perigee::control {

class FreshnessBook {
 public:
  explicit FreshnessBook(absl::Time started) : started_(started) {}

  void Live(const std::string& satellite_uid, absl::Time since);
  void Contact(const std::string& satellite_uid, absl::Time at);  // while live
  void Stale(const std::string& satellite_uid);                   // since its last contact
  void Forget(const std::string& satellite_uid);

  v1::Freshness Of(std::string_view satellite_uid) const;
  absl::Time LastContact(std::string_view satellite_uid) const;  // InfinitePast: not since this start
  // Sets status.freshness (and, of a satellite, status.last_contact) of a Satellite or an Assignment.
  void AddTo(google::protobuf::Message& object) const;
  int live() const;

 private:
  struct Entry {
    bool live = false;
    absl::Time since;
    absl::Time last_contact;
  };
  const absl::Time started_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  int live_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace perigee::control
