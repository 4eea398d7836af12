// The satellite's one outbound connection: the edge around shared/session's
// SatelliteSession. Owns the thread "link" (and "renew"); callbacks of gRPC only
// post to it. Nothing here ever touches a workload: an end of the link is a fact
// to be reported, never a reason to stop something.
//
//   Link link(config, *state->ReadApplied(), owner, SystemClock(), SystemRandom());
//   link.Report({.replicas = changed});
//
// Certificates are verified at max(clock, build time, time floor), else without the floor: a host whose clock was set
// back, or never set, still connects, and so does one whose floor was raised by a control plane whose clock ran ahead.
// A clock that runs ahead is believed; the server decides about our own certificate. When it refuses that one several
// times in a row, whatever the certificate says of itself, it is recovered as an expired one is.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <grpcpp/channel.h>

#include "absl/synchronization/mutex.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "satellite/link/reconnect.h"
#include "satellite/link/renewal.h"
#include "satellite/link/stream.h"
#include "satellite/state/identity.h"
#include "shared/base/clock.h"
#include "shared/base/job.h"
#include "shared/base/random.h"
#include "shared/session/satellite_core.h"

namespace perigee::satellite {

// Called on the thread "link" unless it says otherwise; must not block on the link.
class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  virtual v1::Hello Greeting() = 0;  // facts, sealing certificate
  virtual absl::Status Persist(const DeltaPlan& plan, absl::Time signed_at) = 0;
  virtual void LinkUp(const v1::Welcome& welcome) = 0;
  virtual void LinkDown(const absl::Status& why) = 0;  // also for each try that fails
  virtual void Answered(std::chrono::nanoseconds sent_at, absl::Time centre_time) = 0;
  virtual v1::EventBatch OldestEvents() = 0;
  virtual void EventsStored(uint64_t sequence) = 0;
  virtual void GoneConfirmed(const std::vector<std::string>& ids) = 0;
  virtual void Alarm(std::string_view reason, const std::string& message) = 0;
  virtual absl::Time TimeFloor() = 0;                                                  // any thread
  virtual void CertificateRenewed(std::string_view reason, absl::Time not_after) = 0;  // thread "renew"
};

class Link {
 public:
  struct Config {
    SatelliteIdentity identity;
    IdentityStore store;
    SatelliteSession::Config session;
    absl::Duration no_network_retry = absl::Seconds(1);
    absl::Duration renewal_interval = absl::Seconds(1);
    int refusals_before_recovery = 5;
  };
  Link(Config config, AppliedState applied, LinkOwner& owner, const Clock& clock, Random& random);
  ~Link();  // ends the stream and waits for it
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Thread-safe.
  void Report(SatelliteSession::StatusChanged changed);
  void EventsAdded();
  void SetDeliveryKeys(std::vector<std::string> keys);
  void Redial();  // ends the stream, if any, and dials at once

 private:
  void Dial();
  void DialAfter(absl::Duration delay);
  std::shared_ptr<grpc::Channel> OpenChannel();
  const std::string& ChoosePem(const SatelliteIdentity& identity);
  void Proven();
  void Step(const SatelliteSession::Event& event);
  void Carry(const SatelliteSession::Effects& effects);
  void CarrySend(const SatelliteSession::Send& send);
  void CarryPersist(const SatelliteSession::Persist& persist);
  void Receive(const v1::FromControlPlane& message);
  void Close(const absl::Status& why, absl::Duration retry_after);
  void Ended(const absl::Status& status);
  void CountRefusal(const absl::Status& status);
  void OfferEvents();
  void ArmTick();
  void SetLive(std::shared_ptr<grpc::Channel> channel);

  const Config config_;
  LinkOwner& owner_;
  const Clock& clock_;
  Random& random_;

  absl::Mutex live_mutex_;
  std::shared_ptr<grpc::Channel> live_ ABSL_GUARDED_BY(live_mutex_);  // null while down

  // Of the thread "link".
  SatelliteSession session_;
  Reconnect reconnect_;
  int refused_handshakes_ = 0;  // since the last session, or the last try that did not reach the centre
  std::string next_;            // the renewed certificate as this dial found it; empty: none
  bool shows_next_ = false;     // this dial shows it
  bool next_refused_ = false;   // the last one that did was refused
  bool up_ = false;             // the session was accepted
  std::shared_ptr<grpc::Channel> channel_;
  std::shared_ptr<SessionStream> stream_;
  absl::Duration retry_after_ = absl::ZeroDuration();
  absl::Status close_reason_;
  uint64_t dial_ = 0;  // of the dial that is armed; older ones are void
  bool redial_at_once_ = false;
  bool stopping_ = false;
  uint64_t tick_ = 0;  // of the tick that is armed; older ones are void
  std::chrono::nanoseconds tick_armed_{std::chrono::nanoseconds::max()};
  absl::Time signed_at_ = absl::UnixEpoch();
  uint64_t status_number_ = 0;
  std::vector<std::string> gone_in_flight_;

  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Renewer> renewer_;
};

}  // namespace perigee::satellite
