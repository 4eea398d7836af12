#include "control-plane/admission/event_index.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "shared/base/string_views.h"

namespace perigee::control {
namespace {

absl::Time CentreTime(const v1::Event& event) {
  return absl::FromUnixSeconds(event.centre_time().seconds()) +
         absl::Nanoseconds(event.centre_time().nanos());
}

// What the limit counts by: the object, known by uid or, before it has one, by name.
std::string ObjectOfEvent(const v1::Event& event) {
  const v1::ObjectReference& object = event.object();
  if (!object.uid().empty()) return object.uid();
  return absl::StrCat(object.kind(), "/", object.project(), "/", object.name());
}

}  // namespace

bool Arrival::operator<(const Arrival& other) const {
  return std::tie(revision, stamp, uid) < std::tie(other.revision, other.stamp, other.uid);
}

bool EventIndex::Contains(std::string_view uid) const {
  return by_uid_.contains(ToAbsl(uid));
}

void EventIndex::Add(const v1::Event& event, int64_t revision) {
  const std::string& uid = event.metadata().uid();
  Place place{ObjectOfEvent(event), {revision, CentreTime(event), uid}};
  by_object_[place.object].insert(place.arrival);
  by_arrival_.insert(place.arrival);
  by_stamp_.emplace(place.arrival.stamp, uid);
  by_uid_.emplace(uid, std::move(place));
}

void EventIndex::Remove(std::string_view uid) {
  const auto found = by_uid_.find(ToAbsl(uid));
  if (found == by_uid_.end()) return;
  const Arrival& arrival = found->second.arrival;
  by_arrival_.erase(arrival);
  by_stamp_.erase({arrival.stamp, arrival.uid});
  const auto of_object = by_object_.find(found->second.object);
  of_object->second.erase(arrival);
  if (of_object->second.empty()) by_object_.erase(of_object);
  by_uid_.erase(found);
}

std::vector<std::string> EventIndex::Excess(const std::vector<v1::Event>& added, size_t per_object) const {
  constexpr int64_t kNextRevision = std::numeric_limits<int64_t>::max();
  std::map<std::string, std::set<Arrival>> grown;
  for (const v1::Event& event : added) {
    const std::string object = ObjectOfEvent(event);
    const auto existing = by_object_.find(object);
    auto [all, is_new] = grown.try_emplace(object);
    if (is_new && existing != by_object_.end()) all->second = existing->second;
    all->second.insert({kNextRevision, CentreTime(event), event.metadata().uid()});
  }
  std::vector<std::string> excess;
  for (const auto& [object, arrivals] : grown) {
    size_t over = arrivals.size() - std::min(arrivals.size(), per_object);
    for (auto oldest = arrivals.begin(); over > 0; ++oldest, --over) excess.push_back(oldest->uid);
  }
  return excess;
}

std::vector<std::string> EventIndex::OlderThan(absl::Time cutoff, size_t limit) const {
  std::vector<std::string> old;
  for (auto next = by_stamp_.begin(); next != by_stamp_.end() && next->first < cutoff && old.size() < limit;
       ++next) {
    old.push_back(next->second);
  }
  return old;
}

std::optional<absl::Time> EventIndex::NewestStamp() const {
  if (by_arrival_.empty()) return std::nullopt;
  return by_arrival_.rbegin()->stamp;
}

std::vector<std::string> EventIndex::Uids() const {
  std::vector<std::string> uids;
  uids.reserve(by_arrival_.size());
  for (const Arrival& arrival : by_arrival_) uids.push_back(arrival.uid);
  return uids;
}

std::vector<Arrival> EventIndex::Newest(const std::vector<std::string>& object_uids, size_t limit,
                                        const std::optional<Arrival>& before) const {
  std::vector<Arrival> newest;
  const auto take = [&](const std::set<Arrival>& arrivals) {
    auto next = before.has_value() ? arrivals.lower_bound(*before) : arrivals.end();
    for (size_t left = limit; next != arrivals.begin() && left > 0; --left) newest.push_back(*--next);
  };
  if (object_uids.empty()) take(by_arrival_);
  for (const std::string& uid : object_uids) {
    if (const auto found = by_object_.find(uid); found != by_object_.end()) take(found->second);
  }
  std::sort(newest.begin(), newest.end(), [](const Arrival& a, const Arrival& b) { return b < a; });
  if (newest.size() > limit) newest.resize(limit);
  return newest;
}

}  // namespace perigee::control
