// Which events are stored and when they have to go: 7 days, and the newest 100 of
// each object. Holds uids and times only. Pure: it decides, the caller writes.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "proto/perigee/v1/event.pb.h"

namespace perigee::control {

// Not thread-safe.
class EventIndex {
 public:
  bool Contains(std::string_view uid) const;
  void Add(const v1::Event& event);
  void Remove(std::string_view uid);

  // Those over the limit of their object once `added` are there, oldest first; may be some of `added`.
  std::vector<std::string> Excess(const std::vector<v1::Event>& added, size_t per_object) const;
  // At most `limit` of those that the centre took in before `cutoff`, oldest first.
  std::vector<std::string> OlderThan(absl::Time cutoff, size_t limit) const;
  // Newest first; of all objects when `object` is empty.
  std::vector<std::string> Newest(std::string_view object_uid, size_t limit) const;

 private:
  using Moment = std::pair<absl::Time, std::string>;  // centre's time, uid
  struct Place {
    std::string object;
    absl::Time at;
  };
  absl::flat_hash_map<std::string, Place> by_uid_;
  std::map<std::string, std::set<Moment>, std::less<>> by_object_;
  std::set<Moment> by_time_;
};

}  // namespace perigee::control
