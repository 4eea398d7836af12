// Which events are stored and when they have to go: 7 days, and the newest 100 of
// each object. Newest is what arrived last, by the store's revisions: the centre's
// clock may jump either way. Holds uids and times only. Pure: it decides, the caller
// writes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "proto/perigee/v1/event.pb.h"

namespace perigee::control {

// The place of an event in the order of arrival.
struct Arrival {
  int64_t revision = 0;  // of the commit that stored it
  absl::Time stamp;      // the centre's time: tells the events of one commit apart
  std::string uid;
  bool operator<(const Arrival& other) const;
};

// Not thread-safe.
class EventIndex {
 public:
  bool Contains(std::string_view uid) const;
  void Add(const v1::Event& event, int64_t revision);
  void Remove(std::string_view uid);

  // Those over the limit of their object once `added` are there, after all others; oldest first. None of `added`
  // unless more of one object are added at once than it may have.
  std::vector<std::string> Excess(const std::vector<v1::Event>& added, size_t per_object) const;
  // At most `limit` of those that the centre stamped before `cutoff`, oldest first.
  std::vector<std::string> OlderThan(absl::Time cutoff, size_t limit) const;
  // Of the event that arrived last.
  std::optional<absl::Time> NewestStamp() const;
  // Of all, oldest first.
  std::vector<std::string> Uids() const;
  // Newest first, at most `limit`, of those that arrived before `before` (unset: from the newest); of all
  // objects when `object_uids` is empty.
  std::vector<Arrival> Newest(const std::vector<std::string>& object_uids, size_t limit,
                              const std::optional<Arrival>& before) const;

 private:
  struct Place {
    std::string object;
    Arrival arrival;
  };
  absl::flat_hash_map<std::string, Place> by_uid_;
  std::map<std::string, std::set<Arrival>, std::less<>> by_object_;
  std::set<Arrival> by_arrival_;
  std::set<std::pair<absl::Time, std::string>> by_stamp_;  // the centre's time, uid
};

}  // namespace perigee::control
