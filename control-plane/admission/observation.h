// The other door: what is observed. Bounded, newest wins, no policy, no audit, no
// history. Who may speak about which object is the caller's check (sessions: by the
// certificate).
//
// Status waits in a queue with one place for each object and is written by one
// thread ("observation"); a status equal to the stored one is not written, nor that
// of an object that is gone. Events are durable when PutEvents returns, since the
// site forgets them then. A clock of the centre that jumps takes no event with it:
// the limit of an object goes by arrival, and nothing goes by age until the clock
// has been steady for a day.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "control-plane/admission/clock_trust.h"
#include "control-plane/admission/event_index.h"
#include "control-plane/store/store.h"
#include "control-plane/watch/model.h"
#include "google/protobuf/message.h"
#include "proto/perigee/v1/event.pb.h"
#include "shared/base/clock.h"
#include "shared/base/job.h"
#include "shared/base/random.h"

namespace perigee::control {

// metadata.uid of an event that a satellite reports: the same for every delivery of it.
std::string EventUid(std::string_view satellite_uid, std::string_view boot_id, uint64_t sequence);

struct StoredEvent {
  Arrival arrival;
  v1::Event event;
};
struct EventPage {
  std::vector<StoredEvent> events;  // newest first
  std::optional<Arrival> more;      // there are more, before this one
};

// Thread-safe.
class Observation {
 public:
  // Reads the stored events' keys. All references outlive the door.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Observation>> Open(Store& store, const Model& model,
                                                                         const Clock& clock, Random& random);
  ~Observation();  // writes what waits, if the store lets it
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  // `status` is the kind's status message, such as v1::AssignmentStatus. Returns before it is durable.
  // INVALID_ARGUMENT: wrong message or too large; RESOURCE_EXHAUSTED: too many objects wait, say it again later.
  [[nodiscard]] absl::Status PutStatus(std::string_view kind, std::string_view uid,
                                       const google::protobuf::Message& status);
  // Everything put before has been written (or dropped as not needed). DEADLINE_EXCEEDED.
  [[nodiscard]] absl::Status Flush(absl::Duration timeout);

  // At most limits::kEventBatch. metadata.uid: EventUid for a satellite's, empty for the centre's own (one is
  // made); it is the name too. One that is there already stays as it is. Fills in centre_time. Each object keeps its newest 100.
  [[nodiscard]] absl::Status PutEvents(std::vector<v1::Event> events);
  // The newest, newest first, at most `limit`; of one object, or of all when `object_uid` is empty.
  [[nodiscard]] absl::StatusOr<std::vector<v1::Event>> Events(std::string_view object_uid, int limit) const;
  // One page of those that arrived before `before`, from the newest when unset; of these objects, or of all.
  [[nodiscard]] absl::StatusOr<EventPage> EventsBefore(const std::optional<Arrival>& before,
                                                       const std::vector<std::string>& object_uids,
                                                       int limit) const;
  // Of all, oldest first.
  std::vector<std::string> EventUids() const;
  // NOT_FOUND.
  [[nodiscard]] absl::StatusOr<v1::Event> FindEvent(std::string_view uid) const;

 private:
  Observation(Store& store, const Model& model, const Clock& clock, Random& random);
  using StatusKey = std::pair<std::string, std::string>;  // kind, uid
  void Run();
  absl::Status WriteStatus(const std::map<StatusKey, std::string>& batch);
  absl::Status StoreEvents(const std::vector<v1::Event>& added) ABSL_EXCLUSIVE_LOCKS_REQUIRED(events_mutex_);
  void ForgetOldEvents();

  static constexpr int kAttempts = 5;
  Store& store_;
  const Model& model_;
  const Clock& clock_;
  Random& random_;
  mutable absl::Mutex mutex_;
  absl::CondVar written_;
  std::map<StatusKey, std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  mutable absl::Mutex events_mutex_;  // held over the commit: the index is what the store holds
  EventIndex events_ ABSL_GUARDED_BY(events_mutex_);
  ClockTrust clock_trust_ ABSL_GUARDED_BY(events_mutex_);
  std::chrono::nanoseconds next_sweep_ ABSL_GUARDED_BY(events_mutex_){};  // since boot
  std::unique_ptr<BackgroundJob> job_;
};

}  // namespace perigee::control
