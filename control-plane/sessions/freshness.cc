#include "control-plane/sessions/freshness.h"

#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/string_views.h"
#include "shared/session/moment.h"

namespace perigee::control {

void FreshnessBook::Live(const std::string& satellite_uid, absl::Time since) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = entries_[satellite_uid];
  if (!entry.live) ++live_;
  entry = {true, since, since};
}

void FreshnessBook::Contact(const std::string& satellite_uid, absl::Time at) {
  absl::MutexLock lock(&mutex_);
  const auto it = entries_.find(satellite_uid);
  if (it != entries_.end() && it->second.live) it->second.last_contact = at;
}

void FreshnessBook::Stale(const std::string& satellite_uid) {
  absl::MutexLock lock(&mutex_);
  const auto it = entries_.find(satellite_uid);
  if (it == entries_.end() || !it->second.live) return;
  it->second.live = false;
  it->second.since = it->second.last_contact;
  --live_;
}

void FreshnessBook::Forget(const std::string& satellite_uid) {
  absl::MutexLock lock(&mutex_);
  const auto it = entries_.find(satellite_uid);
  if (it == entries_.end()) return;
  if (it->second.live) --live_;
  entries_.erase(it);
}

v1::Freshness FreshnessBook::Of(std::string_view satellite_uid) const {
  absl::MutexLock lock(&mutex_);
  v1::Freshness freshness;
  const auto it = entries_.find(ToAbsl(satellite_uid));
  if (it == entries_.end()) {
    freshness.set_state("unknown");
    *freshness.mutable_since() = ToTimestamp(started_);
  } else {
    freshness.set_state(it->second.live ? "live" : "stale");
    *freshness.mutable_since() = ToTimestamp(it->second.since);
  }
  return freshness;
}

absl::Time FreshnessBook::LastContact(std::string_view satellite_uid) const {
  absl::MutexLock lock(&mutex_);
  const auto it = entries_.find(ToAbsl(satellite_uid));
  return it == entries_.end() ? absl::InfinitePast() : it->second.last_contact;
}

void FreshnessBook::AddTo(google::protobuf::Message& object) const {
  if (object.GetDescriptor() == v1::Satellite::descriptor()) {
    auto& satellite = static_cast<v1::Satellite&>(object);
    *satellite.mutable_status()->mutable_freshness() = Of(satellite.metadata().uid());
    const absl::Time contact = LastContact(satellite.metadata().uid());
    if (contact != absl::InfinitePast())
      *satellite.mutable_status()->mutable_last_contact() = ToTimestamp(contact);
  } else if (object.GetDescriptor() == v1::Assignment::descriptor()) {
    auto& assignment = static_cast<v1::Assignment&>(object);
    *assignment.mutable_status()->mutable_freshness() = Of(assignment.spec().satellite_uid());
  }
}

int FreshnessBook::live() const {
  absl::MutexLock lock(&mutex_);
  return live_;
}

}  // namespace perigee::control
