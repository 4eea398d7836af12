#include "satellite/agent/agent.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "satellite/agent/local_socket.h"
#include "satellite/agent/reconcile_loop.h"
#include "satellite/agent/reporting.h"
#include "satellite/link/link.h"
#include "satellite/link/time_floor.h"
#include "satellite/state/identity.h"
#include "satellite/state/state.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/process.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"
#include "shared/telemetry/log.h"

namespace perigee::satellite {
namespace {

constexpr char kBootNote[] = "boot_id";

// One agent per data directory: two would start everything twice.
absl::StatusOr<Fd> LockDirectory(const std::string& data_dir) {
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(data_dir + "/run", 0700));
  const std::string path = data_dir + "/run/agent.lock";
  Fd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) return ErrnoStatus(errno, path);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("another agent runs on ", data_dir,
                     "; stop that one first, or give this one a --data-dir of its own"));
  }
  return lock;
}

absl::Status TakeOver(SiteState& state, const SatelliteIdentity& identity) {
  PERIGEE_ASSIGN_OR_RETURN(const bool was_anothers, state.BelongTo(identity.uid, identity.replaces));
  if (was_anothers) {
    Log(Level::kWarning,
        "this host was enrolled anew: what was known of the satellite it was before is forgotten; what runs "
        "goes "
        "on until the control plane has said what is to run here",
        {{"satellite", identity.name}});
  }
  return absl::OkStatus();
}

class RunningAgent final : public Agent, public LinkOwner {
 public:
  RunningAgent(Config config, SatelliteIdentity identity, v1::SatelliteFacts facts,
               std::unique_ptr<Runtime> runtime, std::unique_ptr<SiteState> state, Fd lock,
               const Clock& clock)
      : clock_(clock),
        config_(std::move(config)),
        identity_(std::move(identity)),
        facts_(std::move(facts)),
        lock_(std::move(lock)),
        state_(std::move(state)),
        runtime_(std::move(runtime)) {}

  ~RunningAgent() override {
    local_.reset();
    {
      absl::MutexLock lock(&link_mutex_);
      link_ending_ = true;
    }
    link_.reset();
    loop_.reset();
  }

  absl::Status Begin(Random& random);

 private:
  absl::StatusOr<LaunchSite> MakeSite() const;
  absl::Status TellOfStart();
  void TrustChanged(const v1::TrustRoots& trust);
  void NoteRefusal(const std::string& message);
  template <typename Call>
  void WithLink(Call call) {
    absl::MutexLock lock(&link_mutex_);
    if (link_ != nullptr && !link_ending_) call(*link_);
  }

  // LinkOwner, on the thread "link".
  v1::Hello Greeting() override;
  absl::Status Persist(const DeltaPlan& plan, absl::Time signed_at) override;
  void LinkUp(const v1::Welcome& welcome) override;
  void LinkDown(const absl::Status& why) override;
  void Answered(std::chrono::nanoseconds sent_at, absl::Time centre_time) override;
  v1::EventBatch OldestEvents() override;
  void EventsStored(uint64_t sequence) override;
  void GoneConfirmed(const std::vector<std::string>& ids) override { loop_->GoneConfirmed(ids); }
  void Alarm(std::string_view reason, const std::string& message) override;
  absl::Time TimeFloor() override;
  void CertificateRenewed(std::string_view reason, absl::Time not_after) override;

  const Clock& clock_;
  const Config config_;
  const SatelliteIdentity identity_;
  const v1::SatelliteFacts facts_;
  const Fd lock_;
  std::string session_nonce_;

  const std::unique_ptr<SiteState> state_;
  const std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<ReconcileLoop> loop_;
  absl::Mutex link_mutex_;  // the loop may report before the link is there, and while it ends
  bool link_ending_ ABSL_GUARDED_BY(link_mutex_) = false;
  std::unique_ptr<Link> link_;             // set once; destroyed when link_ending_ keeps others away
  std::atomic<int64_t> floor_micros_ = 0;  // the time floor as far as it was raised since the start
  std::string last_alarm_;                 // of the thread "link"
  std::unique_ptr<LocalServer> local_;
};

absl::StatusOr<LaunchSite> RunningAgent::MakeSite() const {
  LaunchSite site{.satellite = identity_.name,
                  .site = identity_.site,
                  .address = facts_.address(),
                  .data_dir = config_.data_dir,
                  .sealing_key = std::nullopt,
                  .sealing_certificate = identity_.sealing_certificate};
  auto key = PrivateKey::FromPem(identity_.sealing_key);
  if (!key.ok()) {
    // Without it replicas with secrets do not start and say so; the others do.
    Log(Level::kError, "the sealing key cannot be used", {{"status", key.status()}});
  } else {
    site.sealing_key = *std::move(key);
  }
  return site;
}

absl::Status RunningAgent::TellOfStart() {
  const EventSource source{identity_.site, identity_.name, facts_.boot_id()};
  PERIGEE_ASSIGN_OR_RETURN(std::string last_boot, state_->ReadNote(kBootNote));
  std::vector<v1::Event> events;
  if (!last_boot.empty() && last_boot != facts_.boot_id()) {
    events.push_back(
        MakeEvent(source, {.reason = std::string(reason::kRebooted), .message = "the host has started again"},
                  clock_.Now()));
  }
  events.push_back(MakeEvent(source,
                             {.reason = std::string(reason::kAgentStarted),
                              .message = absl::StrCat("perigee-satellite ", PERIGEE_VERSION)},
                             clock_.Now()));
  PERIGEE_RETURN_IF_ERROR(state_->Record({}, std::move(events)));
  return last_boot == facts_.boot_id() ? absl::OkStatus() : state_->WriteNote(kBootNote, facts_.boot_id());
}

absl::Status RunningAgent::Begin(Random& random) {
  // A disk that is full must not keep replicas from starting.
  if (absl::Status told = TellOfStart(); !told.ok())
    Log(Level::kError, "the state cannot be written", {{"status", told}});
  PERIGEE_ASSIGN_OR_RETURN(LaunchSite site, MakeSite());
  PERIGEE_ASSIGN_OR_RETURN(AppliedState applied, state_->ReadApplied());
  const SatelliteSession::Config session{.satellite_uid = identity_.uid,
                                         .delivery_keys = identity_.delivery_keys};
  ReconcileLoop::Hooks hooks;
  hooks.report = [this](SatelliteSession::StatusChanged changed) {
    WithLink([&](Link& link) { link.Report(std::move(changed)); });
  };
  hooks.events_added = [this] { WithLink([](Link& link) { link.EventsAdded(); }); };
  hooks.trust_changed = [this](const v1::TrustRoots& trust) { TrustChanged(trust); };
  loop_ = std::make_unique<ReconcileLoop>(
      ReconcileLoop::Config{
          .site = std::move(site), .boot_id = facts_.boot_id(), .features = session.features},
      *state_, *runtime_, clock_, std::move(hooks));
  session_nonce_ = HexEncode(random.Bytes(16));
  {
    // Before the loop starts, so that its first report is not lost. The link only posts to its own thread.
    absl::MutexLock lock(&link_mutex_);
    link_ = std::make_unique<Link>(
        Link::Config{.identity = identity_, .store = IdentityStore(config_.data_dir), .session = session},
        std::move(applied), *this, clock_, random);
  }
  loop_->Start();
  auto local = LocalServer::Start(config_.data_dir,
                                  {.status = [this] { return loop_->View(); },
                                   .restart = [this](const std::string& id) { return loop_->Restart(id); }});
  if (local.ok()) {
    local_ = *std::move(local);
  } else {
    // No workload stays down for want of a door for people.
    Log(Level::kError,
        "the local socket cannot be opened; status and restart at this host do not reach the agent until it "
        "has been started again",
        {{"status", local.status()}});
  }
  return absl::OkStatus();
}

void RunningAgent::TrustChanged(const v1::TrustRoots& trust) {
  std::vector<std::string> keys = identity_.delivery_keys;
  for (const std::string& key : trust.delivery_keys()) keys.push_back(key);
  WithLink([&](Link& link) { link.SetDeliveryKeys(std::move(keys)); });
}

v1::Hello RunningAgent::Greeting() {
  v1::Hello hello;
  *hello.mutable_facts() = facts_;
  hello.set_session_nonce(session_nonce_);
  hello.set_sealing_certificate(identity_.sealing_certificate);
  return hello;
}

absl::Status RunningAgent::Persist(const DeltaPlan& plan, absl::Time signed_at) {
  absl::Status status = state_->Persist(plan, RaisedFloor(TimeFloor(), signed_at, clock_.Now()));
  if (!status.ok()) {
    Log(Level::kError, "entries could not be stored", {{"status", status}});
    return status;
  }
  Log(Level::kInfo, "entries stored",
      {{"sequence", plan.next.sequence}, {"entries", plan.next.digests.size()}});
  loop_->EntriesChanged();
  return status;
}

void RunningAgent::LinkUp(const v1::Welcome&) {
  last_alarm_.clear();
  NoteRefusal("");
  loop_->LinkChanged(true, "");
}

void RunningAgent::LinkDown(const absl::Status& why) {
  if (absl::IsPermissionDenied(why) || absl::IsUnauthenticated(why)) NoteRefusal(std::string(why.message()));
  loop_->LinkChanged(false, std::string(why.message()));
}

// For `enroll`, which must not say that all is well to a host whose identity was revoked.
void RunningAgent::NoteRefusal(const std::string& message) {
  const IdentityStore store(config_.data_dir);
  if (store.Refusal(identity_.uid) == message) return;
  if (absl::Status written = store.SetRefusal(identity_.uid, message); !written.ok())
    Log(Level::kWarning, "a refusal cannot be noted", {{"status", written}});
}

void RunningAgent::Answered(std::chrono::nanoseconds sent_at, absl::Time centre_time) {
  floor_micros_ =
      absl::ToUnixMicros(RaisedFloor(TimeFloor(), centre_time, clock_.Now()));  // this thread alone
  loop_->Answered(sent_at);
}

v1::EventBatch RunningAgent::OldestEvents() {
  v1::EventBatch batch;
  auto events = state_->EventsAfter(0, limits::kEventBatch);
  if (!events.ok()) {
    Log(Level::kWarning, "the outbox cannot be read", {{"status", events.status()}});
    return batch;
  }
  uint64_t bytes = 0;
  for (v1::Event& event : *events) {
    bytes += event.ByteSizeLong();
    if (batch.events_size() > 0 && bytes > limits::kStreamMessageBytes / 2) break;
    *batch.add_events() = std::move(event);
  }
  return batch;
}

void RunningAgent::EventsStored(uint64_t sequence) {
  if (absl::Status status = state_->AcknowledgeEvents(sequence); !status.ok()) {
    Log(Level::kWarning, "the outbox cannot let go of events", {{"status", status}});
  }
}

void RunningAgent::Alarm(std::string_view reason, const std::string& message) {
  if (message == last_alarm_) return;  // once per session is enough
  last_alarm_ = message;
  if (reason.empty()) {
    Log(Level::kWarning, message);
  } else {
    loop_->Tell(reason, message, /*warning=*/true);
  }
}

absl::Time RunningAgent::TimeFloor() {
  auto head = state_->ReadHead();
  return std::max(head.ok() ? head->time_floor : absl::UnixEpoch(), absl::FromUnixMicros(floor_micros_));
}

void RunningAgent::CertificateRenewed(std::string_view reason, absl::Time not_after) {
  loop_->Tell(
      reason,
      absl::StrCat("valid until ", absl::FormatTime(absl::RFC3339_sec, not_after, absl::UTCTimeZone())),
      /*warning=*/false);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(Config config, std::unique_ptr<Runtime> runtime,
                                                    const Clock& clock, Random& random) {
  PERIGEE_ASSIGN_OR_RETURN(Fd lock, LockDirectory(config.data_dir));
  // Shims write into it with the agent's rights, but do not make it.
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(config.data_dir + "/logs", 0700));
  // A disk that is full keeps nobody from starting: what was there before is used.
  if (absl::Status installed = IdentityStore(config.data_dir).Install(); !installed.ok())
    Log(Level::kError, "a new identity could not be put in place", {{"status", installed}});
  auto identity = IdentityStore(config.data_dir).Read();
  if (absl::IsNotFound(identity.status())) {
    return absl::FailedPreconditionError(absl::StrCat(config.data_dir,
                                                      " holds no identity; enrol this host first by the line "
                                                      "that `cloudctl token create --site SITE` prints"));
  }
  PERIGEE_RETURN_IF_ERROR(identity.status());
  PERIGEE_ASSIGN_OR_RETURN(auto state, SiteState::Open(config.data_dir + "/state.db"));
  PERIGEE_RETURN_IF_ERROR(TakeOver(*state, *identity));
  v1::SatelliteFacts facts = GatherFacts(config.facts);
  auto agent = std::make_unique<RunningAgent>(std::move(config), *std::move(identity), std::move(facts),
                                              std::move(runtime), std::move(state), std::move(lock), clock);
  PERIGEE_RETURN_IF_ERROR(agent->Begin(random));
  return std::unique_ptr<Agent>(std::move(agent));
}

}  // namespace perigee::satellite
