#include "control-plane/sessions/hub.h"

#include <atomic>
#include <set>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "control-plane/sessions/desk.h"
#include "control-plane/sessions/epoch.h"
#include "control-plane/sessions/stored_entries.h"
#include "control-plane/store/keys.h"
#include "shared/base/job.h"
#include "shared/base/process.h"
#include "shared/base/status.h"
#include "shared/base/wakeup.h"
#include "shared/session/moment.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kModelCatchesUp = absl::Seconds(5);
constexpr absl::Duration kFollowAgainAfter = absl::Seconds(1);
constexpr std::string_view kEntriesPrefix = "/entries/";

}  // namespace

class SessionHub::Impl : public Desk::Errands {
 public:
  Impl(Options options, Parts parts, v1::Epoch epoch)
      : options_(options),
        parts_(std::move(parts)),
        epoch_(std::move(epoch)),
        freshness_(parts_.clock.Now()),
        desk_(options_, parts_, epoch_, freshness_, *this),
        core_(std::make_unique<Executor>("sessions")),
        io_(std::make_unique<Executor>("sessions-io")),
        events_(std::make_unique<Executor>("sessions-ev")) {}
  ~Impl() override { Stop(); }

  absl::Status Begin();
  void Stop();
  // Runs `task` on the thread "sessions"; dropped once all sessions were ended.
  void OnDesk(std::function<void()> task) {
    core_->Post([this, task = std::move(task)] {
      if (!ended_) task();
    });
  }

  void Load(const std::string& satellite_uid) override;
  void AwaitModel(SessionId session, std::function<void()> then) override;
  void StoreEvents(SessionId session, std::vector<v1::Event> events, uint64_t up_to) override;
  void PutOwnEvent(v1::Event event) override;
  void Quarantine(const std::string& satellite_uid, const std::string& why) override;

  Desk& desk() { return desk_; }
  const FreshnessBook& freshness() const { return freshness_; }
  const v1::Epoch& epoch() const { return epoch_; }
  absl::Status Following() const {
    absl::MutexLock lock(&feed_mutex_);
    return not_followed_;
  }
  SessionId Open(const PeerCertificate& peer, std::shared_ptr<Outbound> outbound);

 private:
  absl::Status ResetFreshness();
  void FillDenyList();
  void ListenToModel();
  void DrainModel();
  void FollowEntries();
  bool FollowAgain();
  void Follow(Feed& feed);
  absl::StatusOr<DesiredEntries> LoadSigned(const std::string& satellite_uid);
  void TickLater();

  const Options options_;
  Parts parts_;
  const v1::Epoch epoch_;
  FreshnessBook freshness_;
  Desk desk_;  // on the thread "sessions" only
  std::atomic<SessionId> next_id_{0};
  std::atomic<bool> stopping_{false};
  bool stopped_ = false;                        // of the thread that stops and destroys
  bool ended_ = false;                          // on the thread "sessions" only
  std::shared_ptr<Subscription> subscription_;  // on the thread "sessions" once started, until that ends it
  mutable absl::Mutex feed_mutex_;
  absl::Status not_followed_ ABSL_GUARDED_BY(feed_mutex_);
  std::shared_ptr<Feed> feed_ ABSL_GUARDED_BY(feed_mutex_);
  Wakeup feed_stops_;  // of the feed's thread, which may be waiting to try again
  std::thread feed_thread_;
  std::unique_ptr<Executor> core_;
  std::unique_ptr<Executor> io_;
  std::unique_ptr<Executor> events_;
};

absl::Status SessionHub::Impl::Begin() {
  PERIGEE_RETURN_IF_ERROR(ResetFreshness());
  subscription_ = parts_.model.Subscribe({"Satellite"});
  FillDenyList();
  subscription_->SetWakeup([this] { OnDesk([this] { DrainModel(); }); });
  absl::StatusOr<std::unique_ptr<Feed>> feed = parts_.store.Watch(kEntriesPrefix, parts_.store.Revision());
  PERIGEE_RETURN_IF_ERROR(Annotate(feed.status(), "following the entries"));
  {
    absl::MutexLock lock(&feed_mutex_);
    feed_ = *std::move(feed);
  }
  feed_thread_ = std::thread([this] {
    NameThread("sessions-feed");
    FollowEntries();
  });
  TickLater();
  return absl::OkStatus();
}

// Nothing is known to be live at a start. Durable before the controllers look at it.
absl::Status SessionHub::Impl::ResetFreshness() {
  for (const ObjectPtr& object : parts_.model.List("Satellite")) {
    const auto& satellite = static_cast<const v1::Satellite&>(*object);
    const std::string& uid = satellite.metadata().uid();
    v1::SatelliteStatus status = satellite.status();
    *status.mutable_freshness() = freshness_.Of(uid);
    PERIGEE_RETURN_IF_ERROR(
        Annotate(parts_.observation.PutStatus("Satellite", uid, status), "resetting freshness"));
  }
  PERIGEE_RETURN_IF_ERROR(Annotate(parts_.observation.Flush(absl::Seconds(60)), "resetting freshness"));
  return parts_.model.WaitFor(parts_.store.Revision(), absl::Seconds(60));
}

void SessionHub::Impl::FillDenyList() {
  std::set<std::string> revoked;
  for (const ObjectPtr& object : parts_.model.List("Satellite")) {
    const auto& satellite = static_cast<const v1::Satellite&>(*object);
    if (satellite.operations().revoked().active()) revoked.insert(satellite.metadata().uid());
  }
  parts_.deny_list.Replace(revoked);
}

void SessionHub::Impl::DrainModel() {
  if (stopping_ || subscription_ == nullptr) return;
  absl::StatusOr<std::vector<ModelChange>> changes = subscription_->Next(absl::ZeroDuration());
  if (changes.ok()) {
    for (const ModelChange& change : *changes) {
      desk_.SatelliteChanged(static_cast<const v1::Satellite&>(*change.object), change.deleted);
    }
    return;
  }
  if (!absl::IsOutOfRange(changes.status())) return;
  subscription_->SetWakeup(nullptr);
  subscription_ = parts_.model.Subscribe({"Satellite"});
  for (const ObjectPtr& object : parts_.model.List("Satellite")) {
    desk_.SatelliteChanged(static_cast<const v1::Satellite&>(*object), false);
  }
  subscription_->SetWakeup([this] { OnDesk([this] { DrainModel(); }); });
}

void SessionHub::Impl::FollowEntries() {
  while (!stopping_) {
    std::shared_ptr<Feed> feed;
    {
      absl::MutexLock lock(&feed_mutex_);
      feed = feed_;
    }
    Follow(*feed);
    if (stopping_) return;
    // Too slow, or compacted: begin again from now and look at every live satellite once.
    if (!FollowAgain()) return;
    OnDesk([this] { desk_.AllEntriesChanged(); });
  }
}

// However often it takes: a control plane that no longer follows would send nothing. False when it stops.
bool SessionHub::Impl::FollowAgain() {
  while (!stopping_) {
    absl::StatusOr<std::unique_ptr<Feed>> again = parts_.store.Watch(kEntriesPrefix, parts_.store.Revision());
    {
      absl::MutexLock lock(&feed_mutex_);
      not_followed_ = again.ok() ? absl::OkStatus()
                                 : absl::UnavailableError(absl::StrCat(
                                       "stored entries are not followed (", again.status().message(),
                                       "), so satellites are sent nothing new; it is tried again by itself"));
    }
    if (again.ok()) {
      absl::MutexLock lock(&feed_mutex_);
      feed_ = *std::move(again);
      return !stopping_;  // looked at under the lock: what Stop did not cancel must not be waited for
    }
    Log(Level::kError, "the entries cannot be followed; trying again", {{"error", again.status()}});
    feed_stops_.WaitFor(kFollowAgainAfter);
  }
  return false;
}

// Returns when the feed ends.
void SessionHub::Impl::Follow(Feed& feed) {
  while (!stopping_) {
    const absl::StatusOr<std::vector<Change>> changes = feed.Next(absl::Seconds(1));
    if (absl::IsCancelled(changes.status())) stopping_ = true;
    if (!changes.ok()) return;
    std::set<std::string> satellites;
    for (const Change& change : *changes) {
      if (auto key = keys::ParseEntry(change.key)) satellites.insert(std::move(key->satellite_uid));
    }
    for (const std::string& uid : satellites) {
      OnDesk([this, uid] { desk_.EntriesChanged(uid); });
    }
  }
}

absl::StatusOr<DesiredEntries> SessionHub::Impl::LoadSigned(const std::string& satellite_uid) {
  PERIGEE_ASSIGN_OR_RETURN(DesiredEntries desired, LoadDesired(parts_.store, satellite_uid));
  if (desired.sequence == 0) return desired;
  PERIGEE_ASSIGN_OR_RETURN(
      desired.signed_root,
      SignRoot(parts_.signer, {satellite_uid, epoch_, desired.sequence, desired.signed_root.root()},
               parts_.clock.Now()));
  return desired;
}

void SessionHub::Impl::Load(const std::string& satellite_uid) {
  io_->Post([this, satellite_uid] {
    auto desired = std::make_shared<absl::StatusOr<DesiredEntries>>(LoadSigned(satellite_uid));
    OnDesk([this, satellite_uid, desired] { desk_.Loaded(satellite_uid, std::move(*desired)); });
  });
}

void SessionHub::Impl::AwaitModel(SessionId, std::function<void()> then) {
  io_->Post([this, then = std::move(then)] {
    const absl::Status waited = parts_.model.WaitFor(parts_.store.Revision(), kModelCatchesUp);
    if (!waited.ok()) Log(Level::kWarning, "the model does not keep up with the store", {{"error", waited}});
    OnDesk(then);
  });
}

void SessionHub::Impl::StoreEvents(SessionId session, std::vector<v1::Event> events, uint64_t up_to) {
  auto shared = std::make_shared<std::vector<v1::Event>>(std::move(events));
  events_->Post([this, session, shared, up_to] {
    const absl::Status stored = parts_.observation.PutEvents(std::move(*shared));
    OnDesk([this, session, up_to, stored] { desk_.EventsStored(session, up_to, stored); });
  });
}

void SessionHub::Impl::PutOwnEvent(v1::Event event) {
  events_->Post([this, event = std::move(event)] {
    const absl::Status stored = parts_.observation.PutEvents({event});
    if (!stored.ok())
      Log(Level::kWarning, "an event was not stored", {{"reason", event.reason()}, {"error", stored}});
  });
}

void SessionHub::Impl::Quarantine(const std::string& satellite_uid, const std::string& why) {
  io_->Post([this, satellite_uid, why] {
    const ObjectPtr object = parts_.model.GetByUid("Satellite", satellite_uid);
    if (object == nullptr) return;
    v1::Resource resource;
    v1::Satellite& satellite = *resource.mutable_satellite();
    satellite.CopyFrom(*object);
    v1::Override& quarantined = *satellite.mutable_operations()->mutable_quarantined();
    quarantined.set_active(true);
    quarantined.set_by("system:sessions");
    quarantined.set_why(why);
    *quarantined.mutable_since() = ToTimestamp(parts_.clock.Now());
    std::vector<Intent::Change> changes;
    changes.push_back({"quarantine", std::move(resource)});
    const auto committed = parts_.intent.Commit(SystemCaller("sessions"), std::move(changes));
    if (!committed.ok()) {
      Log(Level::kError, "a quarantine was not stored",
          {{"satellite", satellite_uid}, {"error", committed.status()}});
    }
  });
}

void SessionHub::Impl::TickLater() {
  const absl::Duration every = std::min(options_.heartbeat / 4, absl::Milliseconds(500));
  core_->PostAfter(every, [this] {
    if (stopping_) return;
    desk_.Tick();
    TickLater();
  });
}

SessionId SessionHub::Impl::Open(const PeerCertificate& peer, std::shared_ptr<Outbound> outbound) {
  const SessionId id = next_id_.fetch_add(1) + 1;
  core_->Post([this, id, peer, outbound = std::move(outbound)] {
    if (ended_) {
      outbound->Finish(absl::UnavailableError("The control plane is stopping."));
    } else {
      desk_.Open(id, peer, outbound);
    }
  });
  return id;
}

void SessionHub::Impl::Stop() {
  if (std::exchange(stopped_, true)) return;
  stopping_ = true;
  feed_stops_.Notify();
  {
    absl::MutexLock lock(&feed_mutex_);
    if (feed_ != nullptr) feed_->Cancel();
  }
  if (feed_thread_.joinable()) feed_thread_.join();
  absl::Notification ended;
  OnDesk([this, &ended] {
    if (subscription_ != nullptr) subscription_->SetWakeup(nullptr);
    subscription_.reset();
    desk_.EndAll();
    ended_ = true;
    ended.Notify();
  });
  ended.WaitForNotification();
  // Nothing gives them errands any more; what they still answer is dropped.
  io_.reset();
  events_.reset();
}

absl::StatusOr<std::unique_ptr<SessionHub>> SessionHub::Start(Options options, Parts parts) {
  PERIGEE_ASSIGN_OR_RETURN(v1::Epoch epoch, RaiseEpoch(parts.store, parts.random));
  Log(Level::kInfo, "epoch raised", {{"epoch", epoch.number()}});
  auto impl = std::make_unique<Impl>(options, std::move(parts), std::move(epoch));
  PERIGEE_RETURN_IF_ERROR(impl->Begin());
  return std::unique_ptr<SessionHub>(new SessionHub(std::move(impl)));
}

SessionHub::SessionHub(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SessionHub::~SessionHub() = default;

SessionId SessionHub::Open(const PeerCertificate& peer, std::shared_ptr<Outbound> outbound) {
  return impl_->Open(peer, std::move(outbound));
}

void SessionHub::Receive(SessionId session, v1::FromSatellite message) {
  auto shared = std::make_shared<const v1::FromSatellite>(std::move(message));
  impl_->OnDesk([this, session, shared] { impl_->desk().Receive(session, *shared); });
}

void SessionHub::Closed(SessionId session) {
  impl_->OnDesk([this, session] { impl_->desk().Closed(session); });
}

const FreshnessBook& SessionHub::freshness() const {
  return impl_->freshness();
}
const v1::Epoch& SessionHub::epoch() const {
  return impl_->epoch();
}
absl::Status SessionHub::Following() const {
  return impl_->Following();
}
void SessionHub::Stop() {
  impl_->Stop();
}

}  // namespace perigee::control
