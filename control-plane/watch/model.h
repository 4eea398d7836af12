// The in-memory model: every object of the store, spec and status merged, with
// indexes and subscriptions. All reads of the control plane come from here.
//
// It lists the store once, then follows its change feed on a thread of its own
// ("model"), and lists again when it was too slow. Objects are immutable and
// shared: hold an ObjectPtr as long as you like. metadata.revision is the
// revision of the last change of intent. Specs are as their authors asked for
// them, without defaults: ApplyDefaults on a copy where they matter. Events
// are passed on to subscribers and not kept. Thread-safe.
//
//   PERIGEE_ASSIGN_OR_RETURN(auto model, Model::Start(store));
//   auto site = std::dynamic_pointer_cast<const v1::Site>(model->Get("Site", "", "berlin"));
//   PERIGEE_RETURN_IF_ERROR(model->WaitFor(*store.Commit(...), absl::Seconds(5)));
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "control-plane/store/store.h"
#include "control-plane/watch/index.h"
#include "google/protobuf/message.h"

namespace perigee::control {

struct ModelChange {
  std::string kind;
  ObjectPtr object;  // after the change; before it when deleted
  bool deleted = false;
  int64_t revision = 0;  // of the store
};

// What happened to some kinds since the subscription. At most limits::kWatchQueue changes wait.
// Next is for one thread at a time; everything else for any. May outlive the model.
class Subscription {
 public:
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  // Waits for changes; empty after `timeout`. OUT_OF_RANGE: too slow (or the model had to load again), so
  // subscribe and list again. CANCELLED: the model has stopped. The end comes at once, before what waits.
  [[nodiscard]] absl::StatusOr<std::vector<ModelChange>> Next(absl::Duration timeout);
  // Called when changes arrive or the subscription ends, at once if there is something already; mostly on
  // the model's thread: only post or notify in it. Not called any more after SetWakeup(nullptr) returned.
  void SetWakeup(std::function<void()> wakeup);

 private:
  friend class Model;
  struct State;
  explicit Subscription(std::shared_ptr<State> state);
  const std::shared_ptr<State> state_;
};

class Model {
 public:
  // Loads everything before it returns. `store` must outlive the model.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Model>> Start(Store& store);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // Null when there is none. `project` is empty for kinds of the cloud.
  ObjectPtr Get(std::string_view kind, std::string_view project, std::string_view name) const;
  ObjectPtr GetByUid(std::string_view kind, std::string_view uid) const;
  // Sorted by project and name. Empty project: of all.
  std::vector<ObjectPtr> List(std::string_view kind, std::string_view project = "") const;
  std::vector<ObjectPtr> AssignmentsOfWorkload(std::string_view workload_uid) const;
  std::vector<ObjectPtr> AssignmentsOfSatellite(std::string_view satellite_uid) const;
  std::vector<ObjectPtr> SatellitesOfSite(std::string_view site_uid) const;

  // Returns when the model holds everything up to `revision`. DEADLINE_EXCEEDED; CANCELLED when stopped;
  // UNAVAILABLE when the store's changes are no longer followed.
  [[nodiscard]] absl::Status WaitFor(int64_t revision, absl::Duration timeout) const;
  int64_t revision() const;
  // UNAVAILABLE, with the cause, once the store's changes are no longer followed.
  [[nodiscard]] absl::Status Following() const;

  // From now on. Empty: all kinds. To begin without a gap, subscribe, then List: a change may come twice, never not.
  std::unique_ptr<Subscription> Subscribe(std::set<std::string> kinds);

 private:
  explicit Model(Store& store);
  [[nodiscard]] absl::Status Load();
  void Follow();
  void Reload();
  void ApplyAll(const std::vector<Change>& changes);
  void Publish(const std::vector<ModelChange>& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndSubscriptions(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Store& store_;
  mutable absl::Mutex mutex_;
  mutable absl::CondVar changed_;
  Index index_ ABSL_GUARDED_BY(mutex_);
  int64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Feed> feed_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Subscription::State>> subscriptions_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace perigee::control
