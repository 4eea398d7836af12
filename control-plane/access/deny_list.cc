#include "control-plane/access/deny_list.h"

#include <utility>
#include <vector>

#include "shared/base/string_views.h"

namespace perigee::control {

void DenyList::Replace(const std::set<std::string>& satellite_uids) {
  std::vector<std::string> added;
  std::function<void(const std::string&)> listener;
  {
    absl::MutexLock lock(&mutex_);
    for (const std::string& uid : satellite_uids) {
      if (!revoked_.contains(uid)) added.push_back(uid);
    }
    revoked_ = absl::flat_hash_set<std::string>(satellite_uids.begin(), satellite_uids.end());
    loaded_ = true;
    listener = listener_;
  }
  if (!listener) return;
  for (const std::string& uid : added) listener(uid);
}

void DenyList::Add(std::string_view satellite_uid) {
  std::function<void(const std::string&)> listener;
  {
    absl::MutexLock lock(&mutex_);
    if (!revoked_.emplace(std::string(satellite_uid)).second) return;
    listener = listener_;
  }
  if (listener) listener(std::string(satellite_uid));
}

bool DenyList::Contains(std::string_view satellite_uid) const {
  absl::ReaderMutexLock lock(&mutex_);
  return !loaded_ || revoked_.contains(ToAbsl(satellite_uid));
}

absl::Status DenyList::Check(const Caller& caller) const {
  if (!caller.HasRole(role::kSatellite) || !Contains(caller.satellite_uid())) return absl::OkStatus();
  return absl::UnauthenticatedError(
      "this satellite's identity was revoked; what runs there is left alone. Enrol the host again with a new "
      "token "
      "if it shall come back");
}

void DenyList::OnRevoked(std::function<void(const std::string& satellite_uid)> listener) {
  absl::MutexLock lock(&mutex_);
  listener_ = std::move(listener);
}

}  // namespace perigee::control
