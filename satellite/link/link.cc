#include "satellite/link/link.h"

#include <grpcpp/security/credentials.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "satellite/link/network.h"
#include "shared/base/status.h"
#include "shared/pki/identity_file.h"
#include "shared/pki/verify.h"
#include "shared/rpc/connection.h"
#include "shared/rpc/credentials.h"

namespace perigee::satellite {

Link::Link(Config config, AppliedState applied, LinkOwner& owner, const Clock& clock, Random& random)
    : config_(std::move(config)),
      owner_(owner),
      clock_(clock),
      random_(random),
      session_(config_.session, std::move(applied)),
      executor_(std::make_unique<Executor>("link")) {
  Renewer::Hooks hooks;
  hooks.live_channel = [this] {
    absl::MutexLock lock(&live_mutex_);
    return live_;
  };
  hooks.time_floor = [this] { return owner_.TimeFloor(); };
  hooks.renewed = [this](std::string_view reason, absl::Time not_after) {
    owner_.CertificateRenewed(reason, not_after);
    Redial();
  };
  hooks.failed = [this](const absl::Status& why) {
    executor_->Post([this, why] { owner_.Alarm("", std::string(why.message())); });
  };
  renewer_ = std::make_unique<Renewer>(Renewer::Config{.store = config_.store,
                                                       .https_endpoint = config_.identity.https_endpoint,
                                                       .interval = config_.renewal_interval},
                                       std::move(hooks), clock_);
  executor_->Post([this] { Dial(); });
}

Link::~Link() {
  std::shared_ptr<SessionStream> last;
  absl::Mutex mutex;
  bool stopped = false;
  executor_->Post([&] {
    stopping_ = true;
    if (stream_ != nullptr) stream_->Cancel();
    absl::MutexLock lock(&mutex);
    last = stream_;
    stopped = true;
  });
  {
    absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(&stopped));
  }
  renewer_.reset();  // nothing of the thread "link" uses it once it is stopping
  if (last != nullptr) last->AwaitEnd();
  executor_.reset();
}

void Link::Report(SatelliteSession::StatusChanged changed) {
  executor_->Post([this, changed = std::move(changed)] { Step(changed); });
}

void Link::EventsAdded() {
  executor_->Post([this] { OfferEvents(); });
}

void Link::SetDeliveryKeys(std::vector<std::string> keys) {
  executor_->Post([this, keys = std::move(keys)]() mutable { session_.SetDeliveryKeys(std::move(keys)); });
}

void Link::Redial() {
  executor_->Post([this] {
    redial_at_once_ = true;
    if (stream_ != nullptr) {
      Close(absl::CancelledError("the stream is handed over to a new connection"), absl::ZeroDuration());
    } else {
      DialAfter(absl::ZeroDuration());
    }
  });
}

// ---- Connecting.

void Link::DialAfter(absl::Duration delay) {
  const uint64_t dial = ++dial_;
  auto task = [this, dial] {
    if (dial == dial_) Dial();
  };
  if (delay <= absl::ZeroDuration()) {
    executor_->Post(std::move(task));
  } else {
    executor_->PostAfter(delay, std::move(task));
  }
}

void Link::Dial() {
  if (stopping_ || stream_ != nullptr) return;
  redial_at_once_ = false;
  if (!MayReach(config_.identity.grpc_endpoint)) {
    owner_.LinkDown(absl::UnavailableError("no network interface of this host is up"));
    DialAfter(config_.no_network_retry);
    return;
  }
  channel_ = OpenChannel();
  if (channel_ == nullptr) {
    DialAfter(reconnect_.Next(random_.Fraction(), absl::ZeroDuration()));
    return;
  }
  close_reason_ = absl::OkStatus();
  retry_after_ = absl::ZeroDuration();
  stream_ =
      SessionStream::Open(channel_, *executor_,
                          {.received = [this](const v1::FromControlPlane& message) { Receive(message); },
                           .ended = [this](const absl::Status& status) { Ended(status); }});
  Step(SatelliteSession::Connected{owner_.Greeting()});
}

// A channel of its own for each try: gRPC's own waiting between tries would come on top of ours.
std::shared_ptr<grpc::Channel> Link::OpenChannel() {
  absl::StatusOr<SatelliteIdentity> identity = config_.store.Read();
  if (!identity.ok()) {
    owner_.LinkDown(identity.status());
    return nullptr;
  }
  if (identity->uid != config_.identity.uid) {
    owner_.LinkDown(absl::FailedPreconditionError(
        absl::StrCat("this host was enrolled anew, as ", identity->name, "; start this agent again")));
    return nullptr;
  }
  auto credentials = MutualTlsClientFromPem(ChoosePem(*identity), identity->root_certificates,
                                            VerificationTimes(clock_.Now(), owner_.TimeFloor()));
  if (!credentials.ok()) {
    owner_.LinkDown(Annotate(credentials.status(), "using this satellite's certificate"));
    return nullptr;
  }
  return ConnectChannel(config_.identity.grpc_endpoint, *credentials);
}

// A renewed certificate is shown first, and the proven one in turn while it is refused.
const std::string& Link::ChoosePem(const SatelliteIdentity& identity) {
  shows_next_ = false;
  next_ = identity.next_pem;
  if (identity.next_pem.empty()) return identity.pem;
  const auto next = IdentityFromPem(identity.next_pem);
  const auto proven = IdentityFromPem(identity.pem);
  // Of no use: damaged, or left by a step that was cut off.
  if (!next.ok() || (proven.ok() && !Renews(*next, *proven))) {
    (void)config_.store.DropProposed(identity.next_pem);
    return identity.pem;
  }
  shows_next_ = !next_refused_;
  return shows_next_ ? identity.next_pem : identity.pem;
}

// A session is accepted with the certificate that was shown.
void Link::Proven() {
  absl::Status settled;
  if (shows_next_) {
    settled = config_.store.AdoptProposed(next_);
  } else if (next_refused_) {
    settled = config_.store.DropProposed(next_);
  }
  next_refused_ = false;
  if (settled.ok()) return;
  owner_.Alarm("", absl::StrCat("the renewed certificate could not be put in the place of the old one (",
                                settled.message(), "); both are kept, and the next session tries again"));
}

void Link::Close(const absl::Status& why, absl::Duration retry_after) {
  if (stream_ == nullptr) return;
  close_reason_ = why;
  retry_after_ = retry_after;
  stream_->Cancel();
}

void Link::Ended(const absl::Status& status) {
  SetLive(nullptr);
  stream_.reset();
  channel_.reset();
  gone_in_flight_.clear();
  Step(SatelliteSession::Disconnected{});
  if (stopping_) return;
  // A handover is no loss; if the new connection fails, that one is.
  if (!redial_at_once_) {
    owner_.LinkDown(!close_reason_.ok() ? close_reason_
                    : status.ok()       ? absl::UnavailableError("the stream ended")
                                        : status);
  }
  if (!std::exchange(up_, false) && LooksRefused(status)) next_refused_ = shows_next_;
  CountRefusal(status);
  renewer_->Wake();  // the certificate may be the reason
  DialAfter(redial_at_once_ ? absl::ZeroDuration() : reconnect_.Next(random_.Fraction(), retry_after_));
}

void Link::CountRefusal(const absl::Status& status) {
  refused_handshakes_ = LooksRefused(status) ? refused_handshakes_ + 1 : 0;
  renewer_->SetRefused(refused_handshakes_ >= config_.refusals_before_recovery);
}

void Link::SetLive(std::shared_ptr<grpc::Channel> channel) {
  absl::MutexLock lock(&live_mutex_);
  live_ = std::move(channel);
}

// ---- The session core.

void Link::Receive(const v1::FromControlPlane& message) {
  if (stopping_) return;
  if (message.has_delta() && message.delta().has_signed_root()) {
    signed_at_ = FromTimestamp(message.delta().signed_root().signed_at());
  }
  if (message.has_status_ack() && message.status_ack().number() == status_number_ &&
      !gone_in_flight_.empty()) {
    owner_.GoneConfirmed(std::exchange(gone_in_flight_, {}));
  }
  Step(SatelliteSession::Received{message});
}

void Link::Step(const SatelliteSession::Event& event) {
  Carry(session_.Step(event, Moment::Of(clock_)));
  ArmTick();
}

void Link::Carry(const SatelliteSession::Effects& effects) {
  for (const SatelliteSession::Effect& effect : effects) {
    if (const auto* send = std::get_if<SatelliteSession::Send>(&effect)) {
      CarrySend(*send);
    } else if (const auto* persist = std::get_if<SatelliteSession::Persist>(&effect)) {
      CarryPersist(*persist);
    } else if (const auto* up = std::get_if<SatelliteSession::Up>(&effect)) {
      reconnect_.OnUp();
      up_ = true;
      Proven();
      CountRefusal(absl::OkStatus());
      SetLive(channel_);
      owner_.LinkUp(up->welcome);
      renewer_->Wake();
      OfferEvents();
    } else if (const auto* answered = std::get_if<SatelliteSession::HeartbeatAnswered>(&effect)) {
      owner_.Answered(answered->sent_at, answered->centre_time);
    } else if (const auto* stored = std::get_if<SatelliteSession::EventsStored>(&effect)) {
      owner_.EventsStored(stored->sequence);
      OfferEvents();
    } else if (const auto* close = std::get_if<SatelliteSession::CloseStream>(&effect)) {
      Close(close->why, close->retry_after);
    } else if (const auto* alarm = std::get_if<SatelliteSession::Alarm>(&effect)) {
      owner_.Alarm(alarm->reason, alarm->message);
    }
  }
}

void Link::CarrySend(const SatelliteSession::Send& send) {
  if (stream_ == nullptr) return;
  if (send.message.has_status()) {
    status_number_ = send.message.status().number();
    gone_in_flight_.clear();
    for (const v1::ReplicaStatus& replica : send.message.status().replicas()) {
      if (replica.gone()) gone_in_flight_.push_back(replica.assignment_uid());
    }
  }
  stream_->Send(send.message);
}

void Link::CarryPersist(const SatelliteSession::Persist& persist) {
  const absl::Status status = owner_.Persist(persist.plan, signed_at_);
  Step(SatelliteSession::Persisted{status.ok()});
}

void Link::OfferEvents() {
  if (!session_.wants_events()) return;
  v1::EventBatch batch = owner_.OldestEvents();
  if (batch.events_size() > 0) Step(SatelliteSession::OutboxBatch{std::move(batch)});
}

void Link::ArmTick() {
  const std::chrono::nanoseconds due = session_.next_tick();
  const std::chrono::nanoseconds now = clock_.SinceBoot();
  if (due == std::chrono::nanoseconds::max() || (tick_armed_ > now && tick_armed_ <= due)) return;
  tick_armed_ = std::max(due, now);
  executor_->PostAfter(absl::FromChrono(tick_armed_ - now), [this, tick = ++tick_] {
    if (tick != tick_) return;
    tick_armed_ = std::chrono::nanoseconds::max();
    if (!stopping_) Step(SatelliteSession::Tick{});
  });
}

}  // namespace perigee::satellite
