#include "control-plane/watch/model.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/listing.h"
#include "shared/base/limits.h"
#include "shared/base/process.h"
#include "shared/base/status.h"

namespace perigee::control {

// Shared with the model, which must not find a subscription half destroyed.
struct Subscription::State {
  explicit State(std::set<std::string> wanted) : kinds(std::move(wanted)) {}

  void Push(const std::vector<ModelChange>& changes) {
    absl::MutexLock lock(&mutex);
    if (!ended.ok()) return;
    const size_t before = queue.size();
    for (const ModelChange& change : changes) {
      if (kinds.empty() || kinds.contains(change.kind)) queue.push_back(change);
    }
    if (queue.size() == before) return;
    if (queue.size() > limits::kWatchQueue) {
      queue.clear();
      ended = absl::OutOfRangeError("this watcher was too slow and was cut off: subscribe and list again");
    }
    Signal();
  }

  void End(const absl::Status& why) {
    absl::MutexLock lock(&mutex);
    if (!ended.ok()) return;
    ended = why;
    Signal();
  }

  void Signal() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    changed.SignalAll();
    if (wakeup) wakeup();
  }

  const std::set<std::string> kinds;  // empty: all
  absl::Mutex mutex;
  absl::CondVar changed;
  std::deque<ModelChange> queue ABSL_GUARDED_BY(mutex);
  absl::Status ended ABSL_GUARDED_BY(mutex);
  std::function<void()> wakeup ABSL_GUARDED_BY(mutex);
};

Subscription::Subscription(std::shared_ptr<State> state) : state_(std::move(state)) {}

Subscription::~Subscription() {
  SetWakeup(nullptr);
}

absl::StatusOr<std::vector<ModelChange>> Subscription::Next(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&state_->mutex);
  while (state_->queue.empty() && state_->ended.ok()) {
    if (state_->changed.WaitWithDeadline(&state_->mutex, deadline)) break;
  }
  if (!state_->ended.ok()) return state_->ended;
  std::vector<ModelChange> changes(std::make_move_iterator(state_->queue.begin()),
                                   std::make_move_iterator(state_->queue.end()));
  state_->queue.clear();
  return changes;
}

void Subscription::SetWakeup(std::function<void()> wakeup) {
  absl::MutexLock lock(&state_->mutex);
  state_->wakeup = std::move(wakeup);
  if (state_->wakeup && (!state_->queue.empty() || !state_->ended.ok())) state_->wakeup();
}

Model::Model(Store& store) : store_(store) {}

absl::StatusOr<std::unique_ptr<Model>> Model::Start(Store& store) {
  std::unique_ptr<Model> model(new Model(store));
  PERIGEE_RETURN_IF_ERROR(Annotate(model->Load(), "loading the model from the store"));
  model->thread_ = std::thread([raw = model.get()] { raw->Follow(); });
  return model;
}

Model::~Model() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (feed_ != nullptr) feed_->Cancel();
    changed_.SignalAll();
    EndSubscriptions(absl::CancelledError("the model has stopped"));
  }
  if (thread_.joinable()) thread_.join();
}

// The pages of a list may be of several moments. The feed from before the first page brings what changed
// meanwhile, and it is read up to the last page's moment before anybody sees the result.
absl::Status Model::Load() {
  int64_t revision = store_.Revision();
  int64_t newest = revision;
  PERIGEE_ASSIGN_OR_RETURN(std::shared_ptr<Feed> feed, store_.Watch("", revision));
  Index index;
  for (const std::string_view prefix : {keys::kIntentPrefix, keys::kStatusPrefix}) {
    PERIGEE_ASSIGN_OR_RETURN(const int64_t read, ForEachRecord(store_, prefix, [&](const Record& record) {
                               return index.Apply(record.key, record.value, record.revision).status();
                             }));
    newest = std::max(newest, read);
  }
  while (revision < newest) {
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<Change> changes, feed->Next(absl::InfiniteDuration()));
    for (const Change& change : changes) {
      PERIGEE_RETURN_IF_ERROR(index.Apply(change.key, change.value, change.revision));
      revision = change.revision;
    }
  }
  absl::MutexLock lock(&mutex_);
  index_ = std::move(index);
  feed_ = std::move(feed);
  revision_ = revision;
  changed_.SignalAll();
  return absl::OkStatus();
}

void Model::Follow() {
  NameThread("model");
  while (true) {
    std::shared_ptr<Feed> feed;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      feed = feed_;
    }
    absl::StatusOr<std::vector<Change>> changes = feed->Next(absl::InfiniteDuration());
    if (changes.ok()) {
      ApplyAll(*changes);
    } else if (absl::IsOutOfRange(changes.status())) {
      Reload();
    } else {
      absl::MutexLock lock(&mutex_);
      broken_ = absl::UnavailableError(
          absl::StrCat("the changes of the store are no longer followed (", changes.status().message(),
                       "), so nothing new is decided or sent: restart the control plane"));
      EndSubscriptions(changes.status());
      changed_.SignalAll();
      return;
    }
  }
}

// What subscribers missed is not known any more, so they list again, from the new state.
void Model::Reload() {
  const absl::Status loaded = Load();
  absl::MutexLock lock(&mutex_);
  // Going on with an old state would be worse than stopping: the next start loads again.
  PERIGEE_ASSERT(loaded.ok() || stopping_);
  EndSubscriptions(absl::OutOfRangeError("the model was loaded again: subscribe and list again"));
}

void Model::ApplyAll(const std::vector<Change>& changes) {
  absl::MutexLock lock(&mutex_);
  std::vector<ModelChange> visible;
  for (const Change& change : changes) {
    auto applied = index_.Apply(change.key, change.value, change.revision);
    // Only the two doors write these keys, so this is an error of ours, not of anybody's input.
    PERIGEE_ASSERT(applied.ok());
    if (!applied->has_value()) continue;
    ObjectChange& object = **applied;
    visible.push_back({std::move(object.kind), std::move(object.object), object.deleted, change.revision});
  }
  if (!changes.empty()) revision_ = changes.back().revision;
  changed_.SignalAll();
  if (!visible.empty()) Publish(visible);
}

void Model::Publish(const std::vector<ModelChange>& changes) {
  std::erase_if(subscriptions_, [&](const std::weak_ptr<Subscription::State>& weak) {
    const auto state = weak.lock();
    if (state != nullptr) state->Push(changes);
    return state == nullptr;
  });
}

void Model::EndSubscriptions(const absl::Status& why) {
  for (const auto& weak : std::exchange(subscriptions_, {})) {
    if (const auto state = weak.lock()) state->End(why);
  }
}

std::unique_ptr<Subscription> Model::Subscribe(std::set<std::string> kinds) {
  auto state = std::make_shared<Subscription::State>(std::move(kinds));
  absl::MutexLock lock(&mutex_);
  if (stopping_) {
    state->End(absl::CancelledError("the model has stopped"));
  } else {
    subscriptions_.push_back(state);
  }
  return std::unique_ptr<Subscription>(new Subscription(std::move(state)));
}

absl::Status Model::WaitFor(int64_t revision, absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mutex_);
  while (revision_ < revision) {
    if (stopping_) return absl::CancelledError("the model has stopped");
    if (!broken_.ok()) return broken_;
    if (changed_.WaitWithDeadline(&mutex_, deadline) && revision_ < revision) {
      return absl::DeadlineExceededError(
          absl::StrCat("the model is at revision ", revision_, ", waited for ", revision));
    }
  }
  return absl::OkStatus();
}

absl::Status Model::Following() const {
  absl::ReaderMutexLock lock(&mutex_);
  return broken_;
}

int64_t Model::revision() const {
  absl::ReaderMutexLock lock(&mutex_);
  return revision_;
}

ObjectPtr Model::Get(std::string_view kind, std::string_view project, std::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  return index_.Get(kind, project, name);
}
ObjectPtr Model::GetByUid(std::string_view kind, std::string_view uid) const {
  absl::ReaderMutexLock lock(&mutex_);
  return index_.GetByUid(kind, uid);
}
std::vector<ObjectPtr> Model::List(std::string_view kind, std::string_view project) const {
  absl::ReaderMutexLock lock(&mutex_);
  return index_.List(kind, project);
}
std::vector<ObjectPtr> Model::AssignmentsOfWorkload(std::string_view workload_uid) const {
  absl::ReaderMutexLock lock(&mutex_);
  return index_.Related(Index::Relation::kAssignmentOfWorkload, workload_uid);
}
std::vector<ObjectPtr> Model::AssignmentsOfSatellite(std::string_view satellite_uid) const {
  absl::ReaderMutexLock lock(&mutex_);
  return index_.Related(Index::Relation::kAssignmentOfSatellite, satellite_uid);
}
std::vector<ObjectPtr> Model::SatellitesOfSite(std::string_view site_uid) const {
  absl::ReaderMutexLock lock(&mutex_);
  return index_.Related(Index::Relation::kSatelliteOfSite, site_uid);
}

}  // namespace perigee::control
