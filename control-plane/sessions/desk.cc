#include "control-plane/sessions/desk.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shared/base/string_views.h"
#include "shared/resource/reasons.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

// Spreads the heartbeats of many satellites evenly, and the same one always to the same place.
absl::Duration PhaseOf(const std::string& uid, absl::Duration period) {
  return period * (static_cast<double>(std::hash<std::string>()(uid) % 1024) / 1024.0);
}

}  // namespace

Desk::Desk(SessionHub::Options options, SessionHub::Parts& parts, v1::Epoch epoch, FreshnessBook& freshness,
           Errands& errands)
    : options_(options),
      parts_(parts),
      epoch_(std::move(epoch)),
      freshness_(freshness),
      errands_(errands),
      arbiter_(options.challenge_answer) {}

Desk::Session* Desk::Find(SessionId id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() || it->second->finished ? nullptr : it->second.get();
}

std::shared_ptr<const v1::Satellite> Desk::InModel(const std::string& satellite_uid) const {
  return std::static_pointer_cast<const v1::Satellite>(parts_.model.GetByUid("Satellite", satellite_uid));
}

void Desk::Open(SessionId id, const PeerCertificate& peer, std::shared_ptr<Outbound> outbound) {
  CentreSession::Config config;
  config.heartbeat_period = options_.heartbeat;
  config.heartbeat_phase = PhaseOf(peer.satellite_uid, options_.heartbeat);
  sessions_.emplace(id, new Session{id, peer, std::move(outbound),
                                    CentreSession(std::move(config), Moment::Of(parts_.clock))});
  if (stopping_) {
    EndSession(id, reason::kShuttingDown, "The control plane is stopping.", absl::ZeroDuration(),
               absl::StatusCode::kUnavailable);
  }
  Reap();
}

void Desk::Receive(SessionId id, const v1::FromSatellite& message) {
  Session* session = Find(id);
  if (session == nullptr) return;
  if (parts_.deny_list.Contains(session->peer.satellite_uid)) {
    EndSession(id, reason::kRevoked, "This satellite was revoked. What runs on the host goes on.",
               absl::Hours(1), absl::StatusCode::kPermissionDenied);
  } else {
    Step(*session, CentreSession::Received{message});
    if (!session->finished) session->outbound->ReadMore();
  }
  Reap();
}

void Desk::Closed(SessionId id) {
  if (Session* session = Find(id)) Step(*session, CentreSession::StreamClosed{});
  Reap();
}

void Desk::Tick() {
  const Moment now = Moment::Of(parts_.clock);
  OnVerdicts(arbiter_.Tick(now.boottime));
  for (auto& [id, session] : sessions_) {
    if (!session->finished && now.boottime >= session->core.next_tick())
      Step(*session, CentreSession::Tick{});
  }
  for (auto& [uid, satellite] : satellites_) {
    if (satellite.holder != 0 && now.wall >= satellite.next_write) WriteStatus(uid);
  }
  Reap();
}

void Desk::EntriesChanged(const std::string& satellite_uid) {
  const auto it = satellites_.find(satellite_uid);
  if (it != satellites_.end() && it->second.holder != 0) Load(satellite_uid);
}

void Desk::AllEntriesChanged() {
  for (auto& [uid, satellite] : satellites_) {
    if (satellite.holder != 0) Load(uid);
  }
}

void Desk::Load(const std::string& satellite_uid) {
  Satellite& satellite = satellites_[satellite_uid];
  if (satellite.loading) {
    satellite.load_again = true;
    return;
  }
  satellite.loading = true;
  errands_.Load(satellite_uid);
}

void Desk::Loaded(const std::string& satellite_uid, absl::StatusOr<DesiredEntries> desired) {
  Satellite& satellite = satellites_[satellite_uid];
  satellite.loading = false;
  if (std::exchange(satellite.load_again, false)) return Load(satellite_uid);
  Session* session = Find(satellite.holder);
  if (session == nullptr) return;
  if (!desired.ok()) {
    Log(Level::kError, "the entries of a satellite cannot be sent",
        {{"satellite", satellite_uid}, {"error", desired.status()}});
    EndSession(session->id, reason::kBusy, "The control plane cannot read what is stored for this satellite.",
               absl::Seconds(30), absl::StatusCode::kUnavailable);
    return Reap();
  }
  satellite.record.wanted_sequence = desired->sequence;
  auto shared = std::make_shared<const DesiredEntries>(*std::move(desired));
  if (std::exchange(session->awaits_entries, false)) {
    Step(*session, CentreSession::Admit{epoch_, std::move(shared), satellite.record.base});
    if (session->core.live()) OnLive(*session);
  } else {
    Step(*session, CentreSession::DesiredChanged{epoch_, std::move(shared)});
    WriteStatus(satellite_uid);
  }
  Reap();
}

void Desk::SatelliteChanged(const v1::Satellite& satellite, bool deleted) {
  const std::string& uid = satellite.metadata().uid();
  const v1::SatelliteOperations& operations = satellite.operations();
  std::string_view why;
  if (deleted || operations.revoked().active()) {
    parts_.deny_list.Add(uid);
    why = reason::kRevoked;
  } else if (operations.quarantined().active()) {
    quarantined_.insert(uid);
    why = reason::kQuarantined;
  } else {
    quarantined_.erase(uid);
    return;
  }
  std::vector<SessionId> ending;
  for (const auto& [id, session] : sessions_) {
    if (session->peer.satellite_uid == uid && !session->finished) ending.push_back(id);
  }
  for (const SessionId id : ending) {
    EndSession(id, why,
               absl::StrCat("This satellite was ",
                            deleted                    ? "deleted"
                            : ToAbsl(why) == "Revoked" ? "revoked"
                                                       : "quarantined",
                            ". What runs on the host goes on."),
               absl::Hours(1), absl::StatusCode::kPermissionDenied);
  }
  if (deleted) {
    freshness_.Forget(uid);
    satellites_.erase(uid);
  }
  Reap();
}

void Desk::EndAll() {
  stopping_ = true;
  std::vector<SessionId> all;
  for (const auto& [id, session] : sessions_) all.push_back(id);
  for (const SessionId id : all) {
    EndSession(id, reason::kShuttingDown, "The control plane is stopping; come back soon.",
               absl::ZeroDuration(), absl::StatusCode::kUnavailable);
  }
  Reap();
}

void Desk::EndSession(SessionId id, std::string_view reason, const std::string& message,
                      absl::Duration retry_after, absl::StatusCode code) {
  if (Session* session = Find(id)) {
    Step(*session, CentreSession::End{std::string(reason), message, retry_after, code});
  }
}

void Desk::Step(Session& session, const CentreSession::Event& event) {
  Carry(session, session.core.Step(event, Moment::Of(parts_.clock)));
}

void Desk::Carry(Session& session, const CentreSession::Effects& effects) {
  for (const CentreSession::Effect& effect : effects) {
    if (session.finished) return;
    if (const auto* send = std::get_if<CentreSession::Send>(&effect)) {
      session.outbound->Send(send->message);
    } else if (const auto* greeted = std::get_if<CentreSession::Greeted>(&effect)) {
      OnGreeted(session, greeted->hello, true);
    } else if (const auto* contact = std::get_if<CentreSession::Contact>(&effect)) {
      OnContact(session, *contact);
    } else if (const auto* status = std::get_if<CentreSession::StoreStatus>(&effect)) {
      OnStatus(session, status->status, true);
    } else if (const auto* events = std::get_if<CentreSession::StoreEvents>(&effect)) {
      OnEvents(session, events->batch);
    } else if (const auto* applied = std::get_if<CentreSession::AppliedNow>(&effect)) {
      OnApplied(session, *applied);
    } else if (const auto* answered = std::get_if<CentreSession::ChallengeAnswered>(&effect)) {
      OnVerdicts(arbiter_.Answered(session.peer.satellite_uid, session.id, answered->nonce));
    } else if (const auto* ahead = std::get_if<CentreSession::Ahead>(&effect)) {
      satellites_[session.peer.satellite_uid].record.SetCondition("InStep", false, reason::kRecovering,
                                                                  ahead->message, parts_.clock.Now());
      Event(session.peer.satellite_uid, true, reason::kRecovering, ahead->message);
    } else if (const auto* alarm = std::get_if<CentreSession::Alarm>(&effect)) {
      satellites_[session.peer.satellite_uid].record.SetCondition("InStep", false, alarm->reason,
                                                                  alarm->message, parts_.clock.Now());
      Event(session.peer.satellite_uid, true, alarm->reason, alarm->message);
      WriteStatus(session.peer.satellite_uid);
    } else if (const auto* close = std::get_if<CentreSession::Close>(&effect)) {
      session.outbound->Finish(close->status);
      OnFinished(session);
    }
  }
}

void Desk::OnFinished(Session& session) {
  session.finished = true;
  const std::string& uid = session.peer.satellite_uid;
  const auto it = satellites_.find(uid);
  if (it != satellites_.end() && it->second.holder == session.id) {
    it->second.holder = 0;
    if (freshness_.Of(uid).state() == "live") {
      freshness_.Stale(uid);
      it->second.record.SetCondition("Connected", false, reason::kDisconnected,
                                     "The session has ended. Its workloads go on.", parts_.clock.Now());
      WriteStatus(uid);
      if (!stopping_)
        Event(uid, true, reason::kDisconnected, "The session has ended. The workloads of the host go on.");
    }
  }
  OnVerdicts(arbiter_.Ended(uid, session.id));
}

void Desk::OnVerdicts(const IdentityArbiter::Verdicts& verdicts) {
  for (const IdentityArbiter::Verdict& verdict : verdicts) {
    if (const auto* admit = std::get_if<IdentityArbiter::Admit>(&verdict)) {
      Session* session = Find(admit->session);
      if (session == nullptr) continue;
      session->awaits_entries = true;
      satellites_[session->peer.satellite_uid].holder = session->id;
      Load(session->peer.satellite_uid);
    } else if (const auto* challenge = std::get_if<IdentityArbiter::Challenge>(&verdict)) {
      if (Session* session = Find(challenge->session))
        Step(*session, CentreSession::SendChallenge{challenge->nonce});
    } else if (const auto* replace = std::get_if<IdentityArbiter::Replace>(&verdict)) {
      EndSession(replace->session, reason::kSilent,
                 "A newer stream of this satellite has taken the place of this one.", absl::ZeroDuration(),
                 absl::StatusCode::kAborted);
    } else if (const auto* again = std::get_if<IdentityArbiter::ComeAgain>(&verdict)) {
      EndSession(again->session, reason::kBusy, "Two other streams with this identity are being judged.",
                 absl::Seconds(5), absl::StatusCode::kUnavailable);
    } else if (const auto* both = std::get_if<IdentityArbiter::QuarantineBoth>(&verdict)) {
      const std::string why =
          "Two hosts answer with one identity, as after a disk was copied. Revoke it and enrol each anew.";
      quarantined_.insert(both->uid);
      satellites_[both->uid].record.SetCondition("Quarantined", true, reason::kQuarantined, why,
                                                 parts_.clock.Now());
      Log(Level::kError, "two hosts answer with one identity", {{"satellite", both->uid}});
      Event(both->uid, true, reason::kQuarantined, why);
      errands_.Quarantine(both->uid, why);
      for (const SessionId id : {both->older, both->newer}) {
        EndSession(id, reason::kQuarantined, why, absl::Minutes(5), absl::StatusCode::kPermissionDenied);
      }
    }
  }
}

void Desk::Reap() {
  std::erase_if(sessions_, [](const auto& item) { return item.second->finished; });
}

}  // namespace perigee::control
