// The part of the hub that runs on the thread "sessions": the session cores, who holds which identity, and carrying out
// what the cores want. Within this module only. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control-plane/sessions/hub.h"
#include "shared/session/centre_core.h"

namespace perigee::control {

class Desk {
 public:
  // What the desk leaves to other threads; each answer comes back by a call on the desk's thread.
  class Errands {
   public:
    virtual ~Errands() = default;
    virtual void Load(const std::string& satellite_uid) = 0;  // -> Loaded
    virtual void AwaitModel(SessionId session,
                            std::function<void()> then) = 0;  // what was stored by now is in the model
    virtual void StoreEvents(SessionId session, std::vector<v1::Event> events,
                             uint64_t up_to) = 0;  // -> EventsStored
    virtual void PutOwnEvent(v1::Event event) = 0;
    virtual void Quarantine(const std::string& satellite_uid, const std::string& why) = 0;
  };

  Desk(SessionHub::Options options, SessionHub::Parts& parts, v1::Epoch epoch, FreshnessBook& freshness,
       Errands& errands);

  void Open(SessionId id, const PeerCertificate& peer, std::shared_ptr<Outbound> outbound);
  void Receive(SessionId id, const v1::FromSatellite& message);
  void Closed(SessionId id);
  void Tick();
  void EntriesChanged(const std::string& satellite_uid);
  void AllEntriesChanged();
  void Loaded(const std::string& satellite_uid, absl::StatusOr<DesiredEntries> desired);
  void EventsStored(SessionId id, uint64_t up_to, const absl::Status& status);
  void SatelliteChanged(const v1::Satellite& satellite, bool deleted);
  void EndAll();

 private:
  struct Session {
    SessionId id;
    PeerCertificate peer;
    std::shared_ptr<Outbound> outbound;
    CentreSession core;
    v1::Hello hello = {};
    bool awaits_entries = false;  // admitted by the arbiter
    bool finished = false;
  };
  struct Satellite {
    SatelliteRecord record;
    SessionId holder = 0;  // the session that was admitted; 0: none
    bool loading = false;
    bool load_again = false;
    absl::Time next_write = absl::InfinitePast();
  };

  Session* Find(SessionId id);
  void Step(Session& session, const CentreSession::Event& event);
  void Carry(Session& session, const CentreSession::Effects& effects);
  void OnGreeted(Session& session, const v1::Hello& hello, bool may_wait);
  void OnLive(Session& session);
  void OnContact(Session& session, const CentreSession::Contact& contact);
  void OnApplied(Session& session, const CentreSession::AppliedNow& applied);
  void OnStatus(Session& session, const v1::StatusDelta& status, bool may_wait);
  void OnEvents(Session& session, const v1::EventBatch& batch);
  void OnFinished(Session& session);
  void OnVerdicts(const IdentityArbiter::Verdicts& verdicts);
  void EndSession(SessionId id, std::string_view reason, const std::string& message,
                  absl::Duration retry_after, absl::StatusCode code);
  void EndForeign(Session& session, const absl::Status& why);
  void Load(const std::string& satellite_uid);
  void WriteStatus(const std::string& satellite_uid);
  void Event(const std::string& satellite_uid, bool warning, std::string_view reason,
             const std::string& message);
  void Reap();
  std::shared_ptr<const v1::Satellite> InModel(const std::string& satellite_uid) const;

  const SessionHub::Options options_;
  SessionHub::Parts& parts_;
  const v1::Epoch epoch_;
  FreshnessBook& freshness_;
  Errands& errands_;
  IdentityArbiter arbiter_;
  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  std::map<std::string, Satellite> satellites_;  // by uid
  std::set<std::string> quarantined_;
  bool stopping_ = false;
};

}  // namespace perigee::control
