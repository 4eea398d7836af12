// The satellite's end of a session, from connecting to the end of the stream: a state machine without I/O. It
// lives as long as the agent; each stream is one Connected ... Disconnected. One thread.
//
// Invariants: nothing is sent before Connected's Hello was answered by Welcome; Applied is sent only after
// Persisted; one status and one batch of events are in flight; the heartbeat's answer counts from its
// sending; a bad delta changes nothing.
//
//   SatelliteSession session({uid, delivery_keys}, applied_from_disk);
//   Effects effects = session.Step(SatelliteSession::Connected{hello}, now);   // then carry out each effect,
//   in order
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "shared/base/limits.h"
#include "shared/session/delta.h"
#include "shared/session/dirty_set.h"
#include "shared/session/features.h"
#include "shared/session/moment.h"

namespace perigee {

class SatelliteSession {
 public:
  struct Config {
    std::string satellite_uid;
    std::vector<std::string> delivery_keys;  // SubjectPublicKeyInfo, DER
    std::vector<std::string> features = SatelliteFeatures();
    absl::Duration welcome_within = absl::Seconds(20);
    int silent_periods = 3;  // heartbeats without an answer before the stream is given up
  };

  // ---- Events.
  // A stream is open. Facts, session_nonce and sealing_certificate come from the caller; the core fills in
  // the rest.
  struct Connected {
    v1::Hello hello;
  };
  struct Received {
    v1::FromControlPlane message;
  };
  // The stream has ended, for whatever reason.
  struct Disconnected {};
  // What the last Persist asked for is on disk (or, when not ok, is not).
  struct Persisted {
    bool ok = true;
  };
  // Newest wins per assignment. The first of a process has `everything` set: nothing is said about replicas
  // before that, so that the centre does not take an agent that has not adopted yet for one without replicas.
  struct StatusChanged {
    std::vector<v1::ReplicaStatus> replicas;
    std::optional<std::vector<v1::Condition>> conditions;  // of the satellite; unset: as before
    bool everything = false;
  };
  // The oldest events of the outbox, at most limits::kEventBatch, to offer whenever wants_events().
  struct OutboxBatch {
    v1::EventBatch batch;
  };
  struct Tick {};
  using Event = std::variant<Connected, Received, Disconnected, Persisted, StatusChanged, OutboxBatch, Tick>;

  // ---- Effects.
  struct Send {
    v1::FromSatellite message;
  };
  // Commit this in one transaction, then give Persisted. One at a time.
  struct Persist {
    DeltaPlan plan;
  };
  // The stream is up: Welcome has come.
  struct Up {
    v1::Welcome welcome;
  };
  // A heartbeat was answered that was sent at this time of CLOCK_BOOTTIME. Leases count from it.
  struct HeartbeatAnswered {
    std::chrono::nanoseconds sent_at;
    absl::Time centre_time;
  };
  // All events up to and including this sequence are stored at the centre: the outbox lets go of them.
  struct EventsStored {
    uint64_t sequence = 0;
  };
  // End the stream and connect again, not before `retry_after` (zero: by the link's own backoff).
  struct CloseStream {
    absl::Status why;
    absl::Duration retry_after;
  };
  // For an event and a condition: a word of the reason table, and what is wrong.
  struct Alarm {
    std::string reason;
    std::string message;
  };
  using Effect = std::variant<Send, Persist, Up, HeartbeatAnswered, EventsStored, CloseStream, Alarm>;
  using Effects = std::vector<Effect>;

  SatelliteSession(Config config, AppliedState applied);

  Effects Step(const Event& event, const Moment& now);

  // When the next Tick is due at the latest; the caller may tick more often.
  std::chrono::nanoseconds next_tick() const { return next_tick_; }
  bool up() const { return phase_ == Phase::kUp; }
  bool wants_events() const { return up() && !events_in_flight_; }
  const AppliedState& applied() const { return applied_; }
  void SetDeliveryKeys(std::vector<std::string> keys) { config_.delivery_keys = std::move(keys); }

 private:
  enum class Phase { kDown, kGreeting, kUp };

  void OnConnected(const Connected& event, const Moment& now, Effects* out);
  void OnDisconnected();
  void OnReceived(const v1::FromControlPlane& message, const Moment& now, Effects* out);
  void OnWelcome(const v1::Welcome& welcome, const Moment& now, Effects* out);
  void OnDelta(const v1::Delta& part, Effects* out);
  void ApplyWhole(const v1::Delta& delta, Effects* out);
  void OnPersisted(bool ok, Effects* out);
  void OnHeartbeatAck(const v1::HeartbeatAck& ack, const Moment& now, Effects* out);
  void OnStatusChanged(const StatusChanged& event, Effects* out);
  void OnOutbox(const OutboxBatch& event, Effects* out);
  void OnTick(const Moment& now, Effects* out);
  void SendApplied(const std::vector<v1::Applied::Refusal>& refused, Effects* out);
  void SendStatus(Effects* out);
  void AddReplicas(v1::StatusDelta* status);
  void Close(absl::Status why, absl::Duration retry_after, Effects* out);
  void Answer(const absl::Status& bad_delta, Effects* out);

  Config config_;
  AppliedState applied_;
  Phase phase_ = Phase::kDown;

  DeltaAssembler assembler_;
  std::optional<DeltaPlan> persisting_;
  std::optional<v1::Delta> next_delta_;  // came while one was being persisted; newest wins

  // What the centre should know of each replica; the gone are dropped once the centre has heard it.
  std::map<std::string, v1::ReplicaStatus> replicas_;
  std::vector<v1::Condition> conditions_;
  DirtySet<v1::ReplicaStatus> dirty_;
  bool replicas_known_ = false;
  bool conditions_dirty_ = false;
  bool full_due_ = false;
  uint64_t status_number_ = 0;
  bool status_in_flight_ = false;
  bool events_in_flight_ = false;

  std::chrono::nanoseconds heartbeat_period_{0};
  std::chrono::nanoseconds next_heartbeat_{0};
  std::chrono::nanoseconds give_up_at_{0};
  std::chrono::nanoseconds next_tick_{0};
  uint64_t heartbeat_number_ = 0;
  std::map<uint64_t, std::chrono::nanoseconds> unanswered_;  // number -> sent at
};

}  // namespace perigee
