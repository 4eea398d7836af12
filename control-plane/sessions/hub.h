// The live sessions of all satellites: between the transport (control-plane/grpc), the stored entries that go down and the
// observations that come up. No transport in here: a stream is an Outbound and calls of Open, Receive and Closed.
//
// Invariants: identity is the certificate's, never a message's; a revoked satellite is judged anew with every message; what
// is sent was stored before and is signed for this start's epoch; freshness is "unknown" after a start until a
// satellite is heard; what a satellite reports about another one's replicas ends its session.
//
// Threads: "sessions" runs every session core; "sessions-io" reads entries and waits for the model; "sessions-ev" makes
// events durable; "sessions-feed" follows /entries/, so that a new sequence is sent at once.
//
//   auto hub = SessionHub::Start({.heartbeat = absl::Seconds(10)}, parts);   // before the controllers start
//   SessionId id = (*hub)->Open({uid, serial, not_after}, outbound);
//   (*hub)->Receive(id, message);
//   (*hub)->Closed(id);
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control-plane/access/deny_list.h"
#include "control-plane/admission/intent.h"
#include "control-plane/admission/observation.h"
#include "control-plane/sessions/freshness.h"
#include "control-plane/sessions/reports.h"
#include "control-plane/sessions/satellite_record.h"
#include "control-plane/store/store.h"
#include "control-plane/watch/model.h"
#include "shared/base/clock.h"
#include "shared/base/random.h"
#include "shared/session/arbiter.h"
#include "shared/session/entries.h"

namespace perigee::control {

// The transport's end of one stream. Called on the thread "sessions"; must not block.
class Outbound {
 public:
  virtual ~Outbound() = default;
  virtual void Send(v1::FromControlPlane message) = 0;
  // The last message given to Receive was judged: give the next one. So at most one of each stream waits.
  virtual void ReadMore() = 0;
  // After what was sent. Nothing is called any more afterwards.
  virtual void Finish(absl::Status status) = 0;
};

// Thread-safe.
class SessionHub {
 public:
  struct Options {
    absl::Duration heartbeat = absl::Seconds(10);
    absl::Duration challenge_answer = absl::Seconds(3);
  };
  struct Parts {  // all outlive the hub
    Store& store;
    Model& model;
    Intent& intent;
    Observation& observation;
    DenyList& deny_list;  // kept as the model's satellites say, from Start on
    const RootSigner& signer;
    const Clock& clock;
    Random& random;
    TextSanitizer sanitize_text;
    std::function<v1::SatelliteFacts(const v1::SatelliteFacts&)> sanitize_facts;
  };

  // Raises the epoch, fills the deny-list, and has set every satellite's freshness to unknown when it returns.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SessionHub>> Start(Options options, Parts parts);
  ~SessionHub();
  SessionHub(const SessionHub&) = delete;
  SessionHub& operator=(const SessionHub&) = delete;

  SessionId Open(const PeerCertificate& peer, std::shared_ptr<Outbound> outbound);
  void Receive(SessionId session, v1::FromSatellite message);
  void Closed(SessionId session);

  const FreshnessBook& freshness() const;
  const v1::Epoch& epoch() const;
  // UNAVAILABLE, with the cause, while stored entries are not followed: satellites are sent nothing new then.
  [[nodiscard]] absl::Status Following() const;
  // Ends all sessions with a Goodbye and joins the threads. Idempotent.
  void Stop();

 private:
  class Impl;
  explicit SessionHub(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace perigee::control
