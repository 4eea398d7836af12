#include "shared/session/centre_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "shared/base/string_views.h"
#include "shared/resource/reasons.h"

namespace perigee {
namespace {

using std::chrono::nanoseconds;

// States that this session knows the satellite to have had; each holds digests only.
constexpr size_t kKnownBases = 4;

nanoseconds Ns(absl::Duration duration) {
  return nanoseconds(absl::ToInt64Nanoseconds(duration));
}

bool SameEpoch(const v1::Epoch& a, const v1::Epoch& b) {
  return a.number() == b.number() && a.id() == b.id();
}

}  // namespace

CentreSession::CentreSession(Config config, const Moment& opened)
    : config_(std::move(config)),
      silent_after_(Ns(config_.hello_within)),
      silent_at_(opened.boottime + silent_after_) {}

CentreSession::Effects CentreSession::Step(const Event& event, const Moment& now) {
  Effects out;
  if (phase_ == Phase::kEnded) return out;
  if (const auto* received = std::get_if<Received>(&event)) {
    OnReceived(received->message, now, &out);
  } else if (const auto* admit = std::get_if<Admit>(&event)) {
    OnAdmit(*admit, now, &out);
  } else if (const auto* changed = std::get_if<DesiredChanged>(&event)) {
    OnDesired(changed->epoch, changed->desired, &out);
  } else if (std::holds_alternative<RecoveryApproved>(event)) {
    recovering_ = false;
    if (live()) Deliver(&out);
  } else if (const auto* status = std::get_if<StatusStored>(&event)) {
    if (status_pending_ == status->number) {
      status_pending_.reset();
      Send ack;
      ack.message.mutable_status_ack()->set_number(status->number);
      out.push_back(std::move(ack));
    }
  } else if (const auto* events = std::get_if<EventsStored>(&event)) {
    events_pending_ = false;
    Send ack;
    ack.message.mutable_events_ack()->set_sequence(events->sequence);
    out.push_back(std::move(ack));
  } else if (const auto* challenge = std::get_if<SendChallenge>(&event)) {
    Send send;
    send.message.mutable_challenge()->set_nonce(challenge->nonce);
    out.push_back(std::move(send));
  } else if (const auto* end = std::get_if<End>(&event)) {
    EndWith(*end, &out);
  } else if (std::holds_alternative<StreamClosed>(event)) {
    phase_ = Phase::kEnded;
    out.push_back(Close{absl::CancelledError("The satellite has gone.")});
  } else if (now.boottime >= silent_at_ && phase_ != Phase::kGreeted) {
    EndWith({std::string(reason::kSilent), "Nothing was heard on this stream for too long.",
             absl::ZeroDuration(), absl::StatusCode::kDeadlineExceeded},
            &out);
  }
  return out;
}

void CentreSession::OnReceived(const v1::FromSatellite& message, const Moment& now, Effects* out) {
  silent_at_ = now.boottime + silent_after_;
  if (message.has_challenge_answer()) {
    out->push_back(ChallengeAnswered{message.challenge_answer().nonce()});
  } else if (message.has_hello()) {
    OnHello(message.hello(), now, out);
  } else if (phase_ != Phase::kLive) {
    Violation("something before its greeting was answered", out);
  } else if (message.has_heartbeat()) {
    OnHeartbeat(message.heartbeat(), now, out);
  } else if (message.has_applied()) {
    out->push_back(Contact{});
    OnApplied(message.applied(), out);
  } else if (message.has_status()) {
    out->push_back(Contact{});
    OnStatus(message.status(), out);
  } else if (message.has_events()) {
    out->push_back(Contact{});
    OnEvents(message.events(), out);
  }
  // Anything else is of a later release and is passed over.
}

void CentreSession::OnHello(const v1::Hello& hello, const Moment&, Effects* out) {
  if (phase_ != Phase::kFresh) return Violation("a second greeting", out);
  if (hello.protocol() != kSessionProtocol) {
    return EndWith(
        {std::string(reason::kProtocolUnknown),
         absl::StrCat("The satellite speaks protocol ", hello.protocol(), "; this control plane speaks ",
                      kSessionProtocol, ". Upgrade the older of the two."),
         absl::Minutes(1), absl::StatusCode::kFailedPrecondition},
        out);
  }
  const bool applied_nothing = hello.applied_epoch().number() == 0;
  if (!applied_nothing &&
      (hello.applied_epoch().id().size() != kEpochIdBytes || hello.applied_root().size() != 32)) {
    return Violation("a greeting with a malformed applied state", out);
  }
  phase_ = Phase::kGreeted;
  hello_ = hello;
  applied_.epoch = hello.applied_epoch();
  applied_.sequence = hello.applied_sequence();
  applied_.root = hello.applied_root();
  out->push_back(Greeted{hello});
}

void CentreSession::OnAdmit(const Admit& event, const Moment& now, Effects* out) {
  if (phase_ != Phase::kGreeted) return;
  phase_ = Phase::kLive;
  silent_after_ = config_.silent_periods * Ns(config_.heartbeat_period);
  silent_at_ = now.boottime + silent_after_;
  epoch_ = event.epoch;
  desired_ = event.desired;
  if (event.base && event.base->sequence == applied_.sequence) {
    bases_.emplace_back(RootOf(event.base->digests), *event.base);
  }
  const std::string why_ahead = WhyAhead();
  recovering_ = !why_ahead.empty();

  Send send;
  v1::Welcome& welcome = *send.message.mutable_welcome();
  *welcome.mutable_epoch() = epoch_;
  welcome.set_heartbeat_period_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(config_.heartbeat_period)));
  welcome.set_heartbeat_phase_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(config_.heartbeat_phase)));
  *welcome.mutable_clock() = ToTimestamp(now.wall);
  for (const std::string& feature : config_.features) welcome.add_features(feature);
  welcome.set_recovering(recovering_);
  out->push_back(std::move(send));
  out->push_back(Contact{absl::ToInt64Milliseconds(FromTimestamp(hello_.clock()) - now.wall)});
  AppliedNow applied{applied_.sequence, {applied_.sequence, {}}, {}};
  if (const auto base = BaseFor(applied_.sequence, applied_.root)) applied.base = *base;
  out->push_back(std::move(applied));
  if (recovering_) {
    out->push_back(Ahead{applied_.epoch, applied_.sequence, why_ahead});
  } else {
    Deliver(out);
  }
}

// As WhyAhead, by what was stored when: also when the store has meanwhile grown past what the satellite has.
std::string CentreSession::WhyOfAnotherHistory() const {
  const EpochMark* mark = nullptr;  // of the last change up to the end of the epoch that the satellite has
  for (const EpochMark& candidate : desired_->marks) {
    if (candidate.epoch.number() <= applied_.epoch.number()) mark = &candidate;
  }
  if (mark == nullptr) return "";
  if (mark->epoch.number() == applied_.epoch.number() && mark->epoch.id() != applied_.epoch.id()) {
    return absl::StrCat("It has applied epoch ", applied_.epoch.number(), " of another control plane.");
  }
  if (applied_.sequence <= mark->sequence) return "";
  return absl::StrCat("It has applied sequence ", applied_.sequence, " of epoch ", applied_.epoch.number(),
                      "; this control plane had stored ", mark->sequence, " by then.");
}

// Why the satellite has what this control plane never stored; empty when it has not. So it is after the store
// was restored from a copy: to send now would undo at the site what the copy does not know.
std::string CentreSession::WhyAhead() const {
  if (applied_.epoch.number() == 0) return "";
  if (applied_.epoch.number() > epoch_.number()) {
    return absl::StrCat("It has applied epoch ", applied_.epoch.number(), "; this control plane is at ",
                        epoch_.number(), ".");
  }
  if (applied_.epoch.number() == epoch_.number() && applied_.epoch.id() != epoch_.id()) {
    return absl::StrCat("It has applied epoch ", epoch_.number(), " of another control plane.");
  }
  const uint64_t stored = desired_ == nullptr ? 0 : desired_->sequence;
  if (applied_.sequence > stored) {
    return absl::StrCat("It has applied sequence ", applied_.sequence, "; this control plane has stored ",
                        stored, ".");
  }
  if (applied_.sequence == stored && stored > 0 && desired_->signed_root.root() != applied_.root) {
    return absl::StrCat("It has applied sequence ", stored,
                        " with other entries than this control plane has stored.");
  }
  return desired_ == nullptr ? "" : WhyOfAnotherHistory();
}

void CentreSession::OnDesired(const v1::Epoch& epoch, DesiredPtr desired, Effects* out) {
  epoch_ = epoch;
  desired_ = std::move(desired);
  refused_in_a_row_ = 0;
  if (live() && !recovering_) Deliver(out);
}

std::optional<Base> CentreSession::BaseFor(uint64_t sequence, const std::string& root) const {
  if (sequence == 0) return std::nullopt;
  if (desired_ != nullptr && desired_->sequence == sequence && desired_->signed_root.root() == root) {
    return Base{sequence, desired_->DigestMap()};
  }
  for (auto it = bases_.rbegin(); it != bases_.rend(); ++it) {
    if (it->first == root && it->second.sequence == sequence) return it->second;
  }
  return std::nullopt;
}

void CentreSession::Deliver(Effects* out) {
  if (in_flight_ || desired_ == nullptr || desired_->sequence == 0) return;
  if (refused_in_a_row_ >= 2) return;
  const std::string& root = desired_->signed_root.root();
  const std::optional<Base> base = BaseFor(applied_.sequence, applied_.root);
  if (SameEpoch(applied_.epoch, epoch_) && applied_.sequence == desired_->sequence && applied_.root == root) {
    if (base) {
      bases_.emplace_back(root, *base);
      if (bases_.size() > kKnownBases) bases_.pop_front();
    }
    desired_.reset();  // it has it: the bytes need not be kept
    return;
  }
  const bool whole = !base || refused_in_a_row_ > 0;
  for (v1::Delta& part : BuildDelta(epoch_, *desired_, whole ? nullptr : &*base)) {
    Send send;
    *send.message.mutable_delta() = std::move(part);
    out->push_back(std::move(send));
  }
  in_flight_ = InFlight{desired_->sequence, root, epoch_, desired_->DigestMap()};
}

void CentreSession::OnApplied(const v1::Applied& applied, Effects* out) {
  applied_.epoch = applied.epoch();
  applied_.sequence = applied.sequence();
  applied_.root = applied.root();
  AppliedNow now{applied.sequence(), {applied.sequence(), {}}, {}};
  for (const v1::Applied::Refusal& refusal : applied.refused()) now.refused.push_back(refusal);
  if (!in_flight_) {
    if (const auto base = BaseFor(applied_.sequence, applied_.root)) now.base = *base;
    out->push_back(std::move(now));
    return;
  }
  const InFlight sent = *std::move(in_flight_);
  in_flight_.reset();
  const bool taken = sent.sequence == applied.sequence() && sent.root == applied.root() &&
                     SameEpoch(sent.epoch, applied.epoch());
  if (taken) {
    refused_in_a_row_ = 0;
    now.base = {sent.sequence, sent.digests};
    bases_.emplace_back(sent.root, now.base);
    if (bases_.size() > kKnownBases) bases_.pop_front();
    out->push_back(std::move(now));
  } else {
    out->push_back(std::move(now));
    if (++refused_in_a_row_ == 2) {
      out->push_back(
          Alarm{std::string(reason::kDeliveryRefused),
                absl::StrCat("The satellite does not take sequence ", sent.sequence, "; it stays at ",
                             applied.sequence(), ". What runs there is kept. Its own events say why.")});
    }
  }
  Deliver(out);
}

void CentreSession::OnStatus(const v1::StatusDelta& status, Effects* out) {
  const uint64_t limit = status.full() ? limits::kStreamMessageBytes : 2 * limits::kStatusMessageBytes;
  if (status.ByteSizeLong() > limit) return Violation("a larger status than allowed", out);
  if (status_pending_) return Violation("a status before the last one was acknowledged", out);
  status_pending_ = status.number();
  out->push_back(StoreStatus{status});
}

void CentreSession::OnEvents(const v1::EventBatch& batch, Effects* out) {
  if (batch.events_size() > limits::kEventBatch) return Violation("more events at once than allowed", out);
  if (events_pending_) return Violation("events before the last ones were acknowledged", out);
  events_pending_ = true;
  out->push_back(StoreEvents{batch});
}

void CentreSession::OnHeartbeat(const v1::Heartbeat& heartbeat, const Moment& now, Effects* out) {
  out->push_back(Contact{absl::ToInt64Milliseconds(FromTimestamp(heartbeat.clock()) - now.wall)});
  Send send;
  v1::HeartbeatAck& ack = *send.message.mutable_heartbeat_ack();
  ack.set_number(heartbeat.number());
  ack.set_boottime_ns(heartbeat.boottime_ns());
  *ack.mutable_clock() = ToTimestamp(now.wall);
  out->push_back(std::move(send));
}

void CentreSession::EndWith(const End& end, Effects* out) {
  phase_ = Phase::kEnded;
  Send send;
  v1::Goodbye& goodbye = *send.message.mutable_goodbye();
  goodbye.set_reason(end.reason);
  goodbye.set_message(end.message);
  goodbye.set_retry_after_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(end.retry_after)));
  out->push_back(std::move(send));
  out->push_back(Close{absl::Status(end.code, end.message)});
}

void CentreSession::Violation(std::string_view what, Effects* out) {
  EndWith({std::string(reason::kProtocolViolation), absl::StrCat("The satellite sent ", ToAbsl(what), "."),
           absl::Seconds(30), absl::StatusCode::kInvalidArgument},
          out);
}

}  // namespace perigee
