#include "shared/session/satellite_core.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "shared/resource/reasons.h"

namespace perigee {
namespace {

using std::chrono::nanoseconds;

// Statuses kept for a centre that does not acknowledge; far above what one satellite runs.
constexpr size_t kDirtyReplicas = 10'000;
// A period outside these is a mistake of the centre and is not followed.
constexpr uint32_t kShortestHeartbeatMs = 50;
constexpr uint32_t kLongestHeartbeatMs = 10 * 60 * 1000;

nanoseconds Ns(absl::Duration duration) {
  return nanoseconds(absl::ToInt64Nanoseconds(duration));
}

}  // namespace

SatelliteSession::SatelliteSession(Config config, AppliedState applied)
    : config_(std::move(config)), applied_(std::move(applied)), dirty_(kDirtyReplicas) {}

SatelliteSession::Effects SatelliteSession::Step(const Event& event, const Moment& now) {
  Effects out;
  if (const auto* connected = std::get_if<Connected>(&event)) {
    OnConnected(*connected, now, &out);
  } else if (const auto* received = std::get_if<Received>(&event)) {
    OnReceived(received->message, now, &out);
  } else if (std::holds_alternative<Disconnected>(event)) {
    OnDisconnected();
  } else if (const auto* persisted = std::get_if<Persisted>(&event)) {
    OnPersisted(persisted->ok, &out);
  } else if (const auto* status = std::get_if<StatusChanged>(&event)) {
    OnStatusChanged(*status, &out);
  } else if (const auto* outbox = std::get_if<OutboxBatch>(&event)) {
    OnOutbox(*outbox, &out);
  } else {
    OnTick(now, &out);
  }
  return out;
}

void SatelliteSession::OnConnected(const Connected& event, const Moment& now, Effects* out) {
  OnDisconnected();
  phase_ = Phase::kGreeting;
  give_up_at_ = now.boottime + Ns(config_.welcome_within);
  next_tick_ = give_up_at_;
  Send send;
  v1::Hello& hello = *send.message.mutable_hello();
  hello = event.hello;
  hello.set_protocol(kSessionProtocol);
  hello.clear_features();
  for (const std::string& feature : config_.features) hello.add_features(feature);
  *hello.mutable_clock() = ToTimestamp(now.wall);
  if (applied_.epoch.number() > 0) *hello.mutable_applied_epoch() = applied_.epoch;
  hello.set_applied_sequence(applied_.sequence);
  hello.set_applied_root(applied_.root);
  out->push_back(std::move(send));
}

void SatelliteSession::OnDisconnected() {
  phase_ = Phase::kDown;
  assembler_.Clear();
  next_delta_.reset();
  dirty_.Return();
  status_in_flight_ = false;
  events_in_flight_ = false;
  unanswered_.clear();
  next_tick_ = nanoseconds::max();
}

void SatelliteSession::OnReceived(const v1::FromControlPlane& message, const Moment& now, Effects* out) {
  if (phase_ == Phase::kDown) return;  // of a stream that was given up
  if (message.has_goodbye()) {
    const v1::Goodbye& goodbye = message.goodbye();
    const bool refused = goodbye.reason() == reason::kRevoked || goodbye.reason() == reason::kQuarantined;
    Close(absl::Status(refused ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kUnavailable,
                       absl::StrCat(goodbye.reason(), ": ", goodbye.message())),
          absl::Milliseconds(goodbye.retry_after_ms()), out);
  } else if (message.has_challenge()) {
    Send answer;
    answer.message.mutable_challenge_answer()->set_nonce(message.challenge().nonce());
    out->push_back(std::move(answer));
  } else if (message.has_welcome()) {
    OnWelcome(message.welcome(), now, out);
  } else if (phase_ == Phase::kGreeting) {
    Close(absl::InternalError("The control plane sent something before its Welcome."), absl::ZeroDuration(),
          out);
  } else if (message.has_delta()) {
    OnDelta(message.delta(), out);
  } else if (message.has_heartbeat_ack()) {
    OnHeartbeatAck(message.heartbeat_ack(), now, out);
  } else if (message.has_status_ack()) {
    if (message.status_ack().number() != status_number_) return;
    dirty_.Acknowledge();
    status_in_flight_ = false;
    SendStatus(out);
  } else if (message.has_events_ack()) {
    events_in_flight_ = false;
    out->push_back(EventsStored{message.events_ack().sequence()});
  }
}

void SatelliteSession::OnWelcome(const v1::Welcome& welcome, const Moment& now, Effects* out) {
  if (phase_ == Phase::kUp) return;
  if (welcome.heartbeat_period_ms() < kShortestHeartbeatMs ||
      welcome.heartbeat_period_ms() > kLongestHeartbeatMs) {
    return Close(absl::InternalError(absl::StrCat("The control plane asks for a heartbeat every ",
                                                  welcome.heartbeat_period_ms(), " ms.")),
                 absl::ZeroDuration(), out);
  }
  phase_ = Phase::kUp;
  heartbeat_period_ = std::chrono::milliseconds(welcome.heartbeat_period_ms());
  next_heartbeat_ = now.boottime;  // the first at once: an answer renews leases
  give_up_at_ = now.boottime + config_.silent_periods * heartbeat_period_;
  full_due_ = true;
  conditions_dirty_ = !conditions_.empty();
  out->push_back(Up{welcome});
  OnTick(now, out);
  next_heartbeat_ += std::chrono::milliseconds(welcome.heartbeat_phase_ms() % welcome.heartbeat_period_ms());
  next_tick_ = std::min(next_heartbeat_, give_up_at_);
  SendStatus(out);
}

void SatelliteSession::OnDelta(const v1::Delta& part, Effects* out) {
  absl::StatusOr<std::optional<v1::Delta>> whole = assembler_.Add(part);
  if (!whole.ok()) return Answer(whole.status(), out);
  if (!whole->has_value()) return;
  if (persisting_) {
    next_delta_ = **std::move(whole);
  } else {
    ApplyWhole(**whole, out);
  }
}

void SatelliteSession::ApplyWhole(const v1::Delta& delta, Effects* out) {
  absl::StatusOr<DeltaPlan> plan = PlanDelta(applied_, delta, config_.satellite_uid, config_.delivery_keys);
  if (!plan.ok()) return Answer(plan.status(), out);
  if (!plan->changes) return SendApplied({}, out);
  persisting_ = *plan;
  out->push_back(Persist{*std::move(plan)});
}

// What the centre sent was not applied; it hears what is, and resolves it.
void SatelliteSession::Answer(const absl::Status& bad_delta, Effects* out) {
  switch (bad_delta.code()) {
    case absl::StatusCode::kAborted:  // resync: expected after lost messages
      break;
    case absl::StatusCode::kOutOfRange:
      out->push_back(Alarm{std::string(reason::kDeliveryOld), std::string(bad_delta.message())});
      break;
    case absl::StatusCode::kAlreadyExists:
      out->push_back(Alarm{std::string(reason::kEpochConflict), std::string(bad_delta.message())});
      break;
    case absl::StatusCode::kUnauthenticated:
      out->push_back(Alarm{std::string(reason::kSignatureInvalid), std::string(bad_delta.message())});
      break;
    default:
      out->push_back(Alarm{std::string(reason::kDeliveryInvalid), std::string(bad_delta.message())});
  }
  SendApplied({}, out);
}

void SatelliteSession::OnPersisted(bool ok, Effects* out) {
  if (!persisting_) return;
  DeltaPlan plan = *std::move(persisting_);
  persisting_.reset();
  if (!ok) {
    next_delta_.reset();
    if (phase_ != Phase::kUp) return;
    return Close(absl::UnavailableError("What the control plane sent could not be written to disk."),
                 absl::Seconds(5), out);
  }
  applied_ = std::move(plan.next);
  if (phase_ == Phase::kUp) SendApplied(RefusedEntries(plan.puts, config_.features), out);
  if (next_delta_) {
    const v1::Delta next = *std::move(next_delta_);
    next_delta_.reset();
    ApplyWhole(next, out);
  }
}

void SatelliteSession::OnHeartbeatAck(const v1::HeartbeatAck& ack, const Moment& now, Effects* out) {
  const auto sent = unanswered_.find(ack.number());
  if (sent == unanswered_.end()) return;
  const nanoseconds sent_at = sent->second;
  unanswered_.erase(unanswered_.begin(), std::next(sent));
  give_up_at_ = now.boottime + config_.silent_periods * heartbeat_period_;
  next_tick_ = std::min(next_heartbeat_, give_up_at_);
  out->push_back(HeartbeatAnswered{sent_at, FromTimestamp(ack.clock())});
}

void SatelliteSession::OnStatusChanged(const StatusChanged& event, Effects* out) {
  if (event.everything) {
    replicas_known_ = true;
    replicas_.clear();
  }
  for (const v1::ReplicaStatus& replica : event.replicas) {
    const std::string& uid = replica.assignment_uid();
    replicas_[uid] = replica;
    // Beyond the bound the centre hears of it with the next full status.
    if (!dirty_.Put(uid, replica)) full_due_ = true;
    if (replica.gone()) replicas_.erase(uid);
  }
  if (event.conditions) {
    conditions_ = *event.conditions;
    conditions_dirty_ = true;
  }
  SendStatus(out);
}

void SatelliteSession::SendStatus(Effects* out) {
  if (phase_ != Phase::kUp || status_in_flight_) return;
  // Conditions need not wait for the replicas: they may say why those are not known.
  const bool replicas_due = replicas_known_ && (full_due_ || !dirty_.empty());
  if (!replicas_due && !conditions_dirty_) return;
  Send send;
  v1::StatusDelta& status = *send.message.mutable_status();
  status.set_number(++status_number_);
  if (replicas_due) AddReplicas(&status);
  for (const v1::Condition& condition : conditions_) *status.add_conditions() = condition;
  conditions_dirty_ = false;
  status_in_flight_ = true;
  out->push_back(std::move(send));
}

void SatelliteSession::AddReplicas(v1::StatusDelta* status) {
  status->set_full(std::exchange(full_due_, false));
  if (status->full()) {
    for (const auto& [uid, replica] : replicas_) {
      status->add_present(uid);
      if (!dirty_.Put(uid, replica)) full_due_ = true;
    }
  }
  const auto size_of = [](const v1::ReplicaStatus& replica) { return replica.ByteSizeLong() + 8; };
  for (const auto& [uid, replica] :
       dirty_.Take(kDirtyReplicas / 10, limits::kStatusMessageBytes / 2, size_of)) {
    *status->add_replicas() = replica;
  }
}

void SatelliteSession::OnOutbox(const OutboxBatch& event, Effects* out) {
  if (!wants_events() || event.batch.events().empty()) return;
  events_in_flight_ = true;
  Send send;
  *send.message.mutable_events() = event.batch;
  out->push_back(std::move(send));
}

void SatelliteSession::OnTick(const Moment& now, Effects* out) {
  if (phase_ == Phase::kDown) return;
  if (now.boottime >= give_up_at_) {
    return Close(absl::DeadlineExceededError(phase_ == Phase::kGreeting
                                                 ? "The control plane did not answer the greeting."
                                                 : "The control plane has stopped answering heartbeats."),
                 absl::ZeroDuration(), out);
  }
  if (phase_ != Phase::kUp) return;
  if (now.boottime >= next_heartbeat_) {
    Send send;
    v1::Heartbeat& heartbeat = *send.message.mutable_heartbeat();
    heartbeat.set_number(++heartbeat_number_);
    *heartbeat.mutable_clock() = ToTimestamp(now.wall);
    heartbeat.set_boottime_ns(static_cast<uint64_t>(now.boottime.count()));
    unanswered_.emplace(heartbeat_number_, now.boottime);
    out->push_back(std::move(send));
    while (next_heartbeat_ <= now.boottime) next_heartbeat_ += heartbeat_period_;
  }
  next_tick_ = std::min(next_heartbeat_, give_up_at_);
}

void SatelliteSession::SendApplied(const std::vector<v1::Applied::Refusal>& refused, Effects* out) {
  if (phase_ != Phase::kUp) return;
  Send send;
  v1::Applied& applied = *send.message.mutable_applied();
  *applied.mutable_epoch() = applied_.epoch;
  applied.set_sequence(applied_.sequence);
  applied.set_root(applied_.root);
  for (const v1::Applied::Refusal& refusal : refused) *applied.add_refused() = refusal;
  out->push_back(std::move(send));
}

void SatelliteSession::Close(absl::Status why, absl::Duration retry_after, Effects* out) {
  OnDisconnected();
  out->push_back(CloseStream{std::move(why), retry_after});
}

}  // namespace perigee
