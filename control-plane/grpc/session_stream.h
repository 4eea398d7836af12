// One Session call: messages go to the hub one at a time, what the hub sends is queued (send_queue.h) and written.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/synchronization/mutex.h"
#include "control-plane/grpc/send_queue.h"
#include "control-plane/sessions/hub.h"
#include "shared/base/job.h"

namespace perigee::control {

class SessionStream final : public grpc::ServerBidiReactor<v1::FromSatellite, v1::FromControlPlane>,
                            public Outbound,
                            public std::enable_shared_from_this<SessionStream> {
 public:
  // `timer` ends streams whose peer does not read its goodbye.
  static SessionStream* Start(grpc::CallbackServerContext* context, const PeerCertificate& peer,
                              SessionHub& hub, Executor& timer);
  SessionStream(grpc::CallbackServerContext* context, SessionHub& hub, Executor& timer);

  void Send(v1::FromControlPlane message) override;
  void ReadMore() override;
  // Outbound's: after what was sent.
  void Finish(absl::Status status) override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  using Reactor = grpc::ServerBidiReactor<v1::FromSatellite, v1::FromControlPlane>;
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CancelIfOpen();

  grpc::CallbackServerContext* const context_;
  SessionHub& hub_;
  Executor& timer_;
  std::shared_ptr<SessionStream> self_;  // until OnDone
  SessionId id_ = 0;
  v1::FromSatellite incoming_;

  absl::Mutex mutex_;
  SendQueue queue_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;    // nothing is written any more
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;  // gRPC's Finish was called
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> finish_with_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perigee::control
