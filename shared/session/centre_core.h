// The control plane's end of one stream: a state machine without I/O. One thread at a time.
//
//   fresh --Hello--> greeted --Admit--> live --silence, End, StreamClosed--> ended
//
// Invariants: nothing is sent before Admit; one delta is in flight until Applied; a satellite that is ahead
// of the store is sent nothing until RecoveryApproved; a delta that the satellite does not take is tried once
// more as a snapshot and then left until what is wanted changes; a message that is larger or more frequent
// than the protocol allows ends the session.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "shared/session/delta.h"
#include "shared/session/features.h"
#include "shared/session/moment.h"

namespace perigee {

class CentreSession {
 public:
  struct Config {
    absl::Duration heartbeat_period = absl::Seconds(10);
    absl::Duration heartbeat_phase;  // spreads the heartbeats of many satellites over the period
    absl::Duration hello_within = absl::Seconds(10);
    int silent_periods = 3;  // without any message before the session ends
    std::vector<std::string> features = CentreFeatures();
  };

  // ---- Events.
  struct Received {
    v1::FromSatellite message;
  };
  // The caller has judged the Hello (identity, revocation, a second session). `base`: what this satellite was
  // last known to have, if anything.
  struct Admit {
    v1::Epoch epoch;
    DesiredPtr desired;  // never null
    std::optional<Base> base;
  };
  // Newest wins. Also with a new epoch, signed for it.
  struct DesiredChanged {
    v1::Epoch epoch;
    DesiredPtr desired;
  };
  struct RecoveryApproved {};
  struct StatusStored {
    uint64_t number = 0;
  };
  struct EventsStored {
    uint64_t sequence = 0;
  };
  struct SendChallenge {
    std::string nonce;
  };
  // Ends the session with a Goodbye. `reason` is a word of the reason table.
  struct End {
    std::string reason;
    std::string message;
    absl::Duration retry_after;
    absl::StatusCode code = absl::StatusCode::kUnavailable;
  };
  struct StreamClosed {};
  struct Tick {};
  using Event = std::variant<Received, Admit, DesiredChanged, RecoveryApproved, StatusStored, EventsStored,
                             SendChallenge, End, StreamClosed, Tick>;

  // ---- Effects.
  struct Send {
    v1::FromControlPlane message;
  };
  // Judge this Hello, then Admit or End.
  struct Greeted {
    v1::Hello hello;
  };
  // Something came: the satellite is there. Milliseconds by which the site's clock is ahead, when the message
  // had a clock.
  struct Contact {
    std::optional<int64_t> clock_offset_ms;
  };
  // Record, then StatusStored / EventsStored.
  struct StoreStatus {
    v1::StatusDelta status;
  };
  struct StoreEvents {
    v1::EventBatch batch;
  };
  // The satellite has persisted this.
  struct AppliedNow {
    uint64_t sequence = 0;
    Base base;  // digests empty when they are not known here
    std::vector<v1::Applied::Refusal> refused;
  };
  // The satellite has what this control plane never stored.
  struct Ahead {
    v1::Epoch epoch;
    uint64_t sequence = 0;
    std::string message;
  };
  struct ChallengeAnswered {
    std::string nonce;
  };
  struct Alarm {
    std::string reason;
    std::string message;
  };
  // Finish the stream with this status, after what was sent. Always the last effect of a session.
  struct Close {
    absl::Status status;
  };
  using Effect = std::variant<Send, Greeted, Contact, StoreStatus, StoreEvents, AppliedNow, Ahead,
                              ChallengeAnswered, Alarm, Close>;
  using Effects = std::vector<Effect>;

  CentreSession(Config config, const Moment& opened);

  Effects Step(const Event& event, const Moment& now);

  bool live() const { return phase_ == Phase::kLive; }
  bool ended() const { return phase_ == Phase::kEnded; }
  bool recovering() const { return recovering_; }
  uint64_t applied_sequence() const { return applied_.sequence; }
  std::chrono::nanoseconds next_tick() const { return silent_at_; }

 private:
  enum class Phase { kFresh, kGreeted, kLive, kEnded };
  struct InFlight {
    uint64_t sequence;
    std::string root;
    v1::Epoch epoch;
    Digests digests;
  };

  void OnReceived(const v1::FromSatellite& message, const Moment& now, Effects* out);
  void OnHello(const v1::Hello& hello, const Moment& now, Effects* out);
  void OnAdmit(const Admit& event, const Moment& now, Effects* out);
  void OnApplied(const v1::Applied& applied, Effects* out);
  void OnStatus(const v1::StatusDelta& status, Effects* out);
  void OnEvents(const v1::EventBatch& batch, Effects* out);
  void OnHeartbeat(const v1::Heartbeat& heartbeat, const Moment& now, Effects* out);
  void OnDesired(const v1::Epoch& epoch, DesiredPtr desired, Effects* out);
  void Deliver(Effects* out);
  std::optional<Base> BaseFor(uint64_t sequence, const std::string& root) const;
  std::string WhyOfAnotherHistory() const;
  std::string WhyAhead() const;
  void EndWith(const End& end, Effects* out);
  void Violation(std::string_view what, Effects* out);

  const Config config_;
  Phase phase_ = Phase::kFresh;
  v1::Hello hello_;
  v1::Epoch epoch_;
  bool recovering_ = false;

  // What the satellite says it has persisted; digests as far as they are known here.
  struct {
    v1::Epoch epoch;
    uint64_t sequence = 0;
    std::string root;
  } applied_;
  std::deque<std::pair<std::string, Base>> bases_;  // root -> base, newest last
  DesiredPtr desired_;                              // null when the satellite has it
  std::optional<InFlight> in_flight_;
  int refused_in_a_row_ = 0;

  std::optional<uint64_t> status_pending_;
  bool events_pending_ = false;
  std::chrono::nanoseconds silent_after_;
  std::chrono::nanoseconds silent_at_;
};

}  // namespace perigee
