#include "control-plane/admission/event_index.h"

#include <algorithm>

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

bool EventIndex::Contains(std::string_view uid) const {
  return by_uid_.contains(ToAbsl(uid));
}

void EventIndex::Add(const v1::Event& event) {
  const std::string& uid = event.metadata().uid();
  Place place{ObjectOfEvent(event), CentreTime(event)};
  by_object_[place.object].emplace(place.at, uid);
  by_time_.emplace(place.at, uid);
  by_uid_.emplace(uid, std::move(place));
}

void EventIndex::Remove(std::string_view uid) {
  const auto found = by_uid_.find(ToAbsl(uid));
  if (found == by_uid_.end()) return;
  const Moment moment(found->second.at, found->first);
  by_time_.erase(moment);
  const auto of_object = by_object_.find(found->second.object);
  of_object->second.erase(moment);
  if (of_object->second.empty()) by_object_.erase(of_object);
  by_uid_.erase(found);
}

std::vector<std::string> EventIndex::Excess(const std::vector<v1::Event>& added, size_t per_object) const {
  std::map<std::string, std::set<Moment>> grown;
  for (const v1::Event& event : added) {
    const std::string object = ObjectOfEvent(event);
    const auto existing = by_object_.find(object);
    auto [all, is_new] = grown.try_emplace(object);
    if (is_new && existing != by_object_.end()) all->second = existing->second;
    all->second.emplace(CentreTime(event), event.metadata().uid());
  }
  std::vector<std::string> excess;
  for (const auto& [object, moments] : grown) {
    size_t over = moments.size() - std::min(moments.size(), per_object);
    for (auto oldest = moments.begin(); over > 0; ++oldest, --over) excess.push_back(oldest->second);
  }
  return excess;
}

std::vector<std::string> EventIndex::OlderThan(absl::Time cutoff, size_t limit) const {
  std::vector<std::string> old;
  for (auto next = by_time_.begin(); next != by_time_.end() && next->first < cutoff && old.size() < limit;
       ++next) {
    old.push_back(next->second);
  }
  return old;
}

std::vector<std::string> EventIndex::Newest(std::string_view object_uid, size_t limit) const {
  const std::set<Moment>* moments = &by_time_;
  if (!object_uid.empty()) {
    const auto found = by_object_.find(object_uid);
    if (found == by_object_.end()) return {};
    moments = &found->second;
  }
  std::vector<std::string> newest;
  for (auto next = moments->rbegin(); next != moments->rend() && newest.size() < limit; ++next) {
    newest.push_back(next->second);
  }
  return newest;
}

}  // namespace perigee::control
