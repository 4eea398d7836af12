// What comes up a stream: greetings, status, events.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/sessions/desk.h"
#include "shared/base/string_views.h"
#include "shared/resource/reasons.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

// Conditions of a satellite that the control plane states; a satellite's own have other names.
bool IsOurs(const std::string& type) {
  return type == "Connected" || type == "InStep" || type == "ClockInStep" || type == "Quarantined";
}

constexpr size_t kNonceBytes = 16;
// How often a live satellite's last contact is made durable; in between it is in memory.
constexpr absl::Duration kContactWritten = absl::Minutes(5);

}  // namespace

void Desk::OnGreeted(Session& session, const v1::Hello& hello, bool may_wait) {
  const std::string& uid = session.peer.satellite_uid;
  session.hello = hello;
  const auto satellite = InModel(uid);
  if (satellite == nullptr && may_wait) {
    // It may have been enrolled this very moment.
    errands_.AwaitModel(session.id, [this, id = session.id] {
      if (Session* waiting = Find(id)) OnGreeted(*waiting, v1::Hello(waiting->hello), false);
      Reap();
    });
    return;
  }
  if (satellite == nullptr) {
    return EndSession(session.id, reason::kRevoked,
                      "This control plane does not know the satellite; it was deleted. Enrol the host again.",
                      absl::Minutes(5), absl::StatusCode::kPermissionDenied);
  }
  if (satellite->operations().quarantined().active() || quarantined_.contains(uid)) {
    return EndSession(
        session.id, reason::kQuarantined,
        "This identity is quarantined: two hosts answered with it. Revoke it and enrol the host again.",
        absl::Minutes(5), absl::StatusCode::kPermissionDenied);
  }
  SatelliteRecord& record = satellites_[uid].record;
  if (record.conditions.empty()) {
    // Of an earlier start: they keep their times while they stay the same.
    for (const v1::Condition& condition : satellite->status().conditions()) {
      record.conditions.emplace(condition.type(), condition);
    }
  }
  OnVerdicts(arbiter_.Arrived(uid, session.id, parts_.random.Bytes(kNonceBytes), parts_.clock.SinceBoot()));
}

void Desk::OnLive(Session& session) {
  const std::string& uid = session.peer.satellite_uid;
  const absl::Time now = parts_.clock.Now();
  freshness_.Live(uid, now);
  SatelliteRecord& record = satellites_[uid].record;
  record.facts = parts_.sanitize_facts(session.hello.facts());
  record.sealing_certificate = session.hello.sealing_certificate();
  record.certificate = session.peer;
  record.SetCondition("Connected", true, reason::kConnected, "The session is up.", now);
  WriteStatus(uid);
  Log(Level::kInfo, "satellite connected",
      {{"satellite", uid}, {"applied", record.applied_sequence}, {"wanted", record.wanted_sequence}});
}

void Desk::OnContact(Session& session, const CentreSession::Contact& contact) {
  const std::string& uid = session.peer.satellite_uid;
  const absl::Time now = parts_.clock.Now();
  freshness_.Contact(uid, now);
  if (!contact.clock_offset_ms) return;
  SatelliteRecord& record = satellites_[uid].record;
  record.clock_offset_ms = *contact.clock_offset_ms;
  const bool skewed = std::abs(record.clock_offset_ms) > SatelliteRecord::kClockSkewMs;
  std::string message;
  if (skewed) {
    // Rounded, so that a clock that drifts a little does not make a new condition each time.
    message =
        absl::StrCat("The site's clock is about ", std::abs(record.clock_offset_ms) / 10'000 * 10, " s ",
                     record.clock_offset_ms > 0 ? "ahead" : "behind", ". Set the clock of the host.");
  }
  const bool changed = record.SetCondition(
      "ClockInStep", !skewed, skewed ? reason::kClockSkew : reason::kConnected, std::move(message), now);
  if (changed && session.core.live()) WriteStatus(uid);
}

void Desk::OnApplied(Session& session, const CentreSession::AppliedNow& applied) {
  const std::string& uid = session.peer.satellite_uid;
  SatelliteRecord& record = satellites_[uid].record;
  record.applied_sequence = applied.sequence;
  if (!applied.base.digests.empty() || applied.sequence == 0) record.base = applied.base;
  for (const v1::Applied::Refusal& refusal : applied.refused) {
    Event(uid, true, parts_.sanitize_text(refusal.reason(), 64),
          parts_.sanitize_text(absl::StrCat(refusal.key(), ": ", refusal.message()), 1024));
  }
  if (applied.sequence == satellites_[uid].record.wanted_sequence && !session.core.recovering()) {
    record.SetCondition("InStep", true, reason::kApplied, "", parts_.clock.Now());
  }
  WriteStatus(uid);
}

void Desk::OnStatus(Session& session, const v1::StatusDelta& status, bool may_wait) {
  const std::string& uid = session.peer.satellite_uid;
  const absl::Time now = parts_.clock.Now();
  const absl::StatusOr<JudgedStatus> judged =
      JudgeStatus(parts_.model, uid, status, parts_.sanitize_text, now);
  if (!judged.ok()) return EndForeign(session, judged.status());
  if (judged->unknown && may_wait) {
    // A replica can be reported before the model here has caught up with its assignment.
    errands_.AwaitModel(session.id, [this, id = session.id, status] {
      if (Session* waiting = Find(id)) OnStatus(*waiting, status, false);
      Reap();
    });
    return;
  }
  absl::Status stored;
  for (const auto& [assignment_uid, assignment_status] : judged->assignments) {
    stored.Update(parts_.observation.PutStatus("Assignment", assignment_uid, assignment_status));
  }
  if (absl::IsResourceExhausted(stored)) {
    return EndSession(session.id, reason::kBusy, "Too many statuses wait to be written.", absl::Seconds(5),
                      absl::StatusCode::kUnavailable);
  }
  if (!stored.ok()) Log(Level::kWarning, "a status was not taken", {{"satellite", uid}, {"error", stored}});
  bool changed = false;
  for (const v1::Condition& condition : judged->conditions) {
    if (IsOurs(condition.type())) continue;
    changed |= satellites_[uid].record.SetCondition(condition, now);
  }
  if (changed) WriteStatus(uid);
  Step(session, CentreSession::StatusStored{status.number()});
}

void Desk::OnEvents(Session& session, const v1::EventBatch& batch) {
  absl::StatusOr<std::vector<v1::Event>> events =
      JudgeEvents(parts_.model, session.peer.satellite_uid, batch, parts_.sanitize_text);
  if (!events.ok()) return EndForeign(session, events.status());
  uint64_t up_to = 0;
  for (const v1::Event& event : batch.events()) up_to = std::max(up_to, event.sequence());
  errands_.StoreEvents(session.id, *std::move(events), up_to);
}

void Desk::EventsStored(SessionId id, uint64_t up_to, const absl::Status& status) {
  Session* session = Find(id);
  if (session == nullptr) return;
  if (status.ok()) {
    Step(*session, CentreSession::EventsStored{up_to});
  } else {
    Log(Level::kWarning, "events were not stored",
        {{"satellite", session->peer.satellite_uid}, {"error", status}});
    EndSession(id, reason::kBusy, "The events could not be stored; they stay at the site.", absl::Seconds(10),
               absl::StatusCode::kUnavailable);
  }
  Reap();
}

void Desk::EndForeign(Session& session, const absl::Status& why) {
  const std::string message(why.message().data(), why.message().size());
  if (absl::IsPermissionDenied(why)) {
    Log(Level::kError, "a satellite reported about another one",
        {{"satellite", session.peer.satellite_uid}, {"error", why}});
    Event(session.peer.satellite_uid, true, reason::kForeignReport, message);
  }
  EndSession(session.id, reason::kForeignReport, message, absl::Minutes(1), why.code());
}

void Desk::WriteStatus(const std::string& satellite_uid) {
  const auto satellite = InModel(satellite_uid);
  if (satellite == nullptr) return;
  Satellite& known = satellites_[satellite_uid];
  known.next_write = parts_.clock.Now() + kContactWritten;
  const v1::SatelliteStatus status = StatusOf(known.record, satellite->status(), freshness_.Of(satellite_uid),
                                              freshness_.LastContact(satellite_uid));
  const absl::Status put = parts_.observation.PutStatus("Satellite", satellite_uid, status);
  if (!put.ok())
    Log(Level::kWarning, "a satellite's status was not taken",
        {{"satellite", satellite_uid}, {"error", put}});
}

void Desk::Event(const std::string& satellite_uid, bool warning, std::string_view reason,
                 const std::string& message) {
  const auto satellite = InModel(satellite_uid);
  if (satellite == nullptr) return;
  v1::Event event;
  event.set_type(warning ? "Warning" : "Normal");
  event.set_reason(std::string(reason));
  event.set_message(message);
  event.mutable_object()->set_kind("Satellite");
  event.mutable_object()->set_name(satellite->metadata().name());
  event.mutable_object()->set_uid(satellite_uid);
  event.set_site(satellite->spec().site());
  event.set_satellite(satellite->metadata().name());
  *event.mutable_site_time() = ToTimestamp(parts_.clock.Now());
  errands_.PutOwnEvent(std::move(event));
}

}  // namespace perigee::control
