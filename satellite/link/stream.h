// One gRPC stream of a session: callbacks of the library only post to the link's
// executor; everything else here is called on that executor. Bounded: one
// message is read ahead, and what is written is as much as the session core has in flight.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "proto/perigee/v1/satellite.grpc.pb.h"
#include "shared/base/job.h"

namespace perigee::satellite {

class SessionStream final : public grpc::ClientBidiReactor<v1::FromSatellite, v1::FromControlPlane>,
                            public std::enable_shared_from_this<SessionStream> {
 public:
  struct Handler {
    std::function<void(const v1::FromControlPlane&)> received;
    std::function<void(const absl::Status&)> ended;  // once, the last call
  };

  static std::shared_ptr<SessionStream> Open(std::shared_ptr<grpc::Channel> channel, Executor& executor,
                                             Handler handler);
  SessionStream(std::shared_ptr<grpc::Channel> channel, Executor& executor, Handler handler);

  void Send(v1::FromSatellite message);
  // Half-close after what is queued was sent is not needed by the protocol: this ends the stream at once.
  void Cancel();
  // Blocks until the library is done with it. Not on the executor's thread; Cancel comes before.
  void AwaitEnd();

 private:
  void Start();
  void ReadNext();
  void WriteNext();
  void LetGo();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::SatelliteService::Stub> stub_;
  Executor& executor_;
  Handler handler_;
  grpc::ClientContext context_;

  // Of the executor's thread.
  std::deque<v1::FromSatellite> queue_;  // the front is being written
  bool writing_ = false;
  bool reading_ = false;
  bool let_go_ = false;

  v1::FromControlPlane incoming_;        // of the library while reading_
  std::shared_ptr<SessionStream> self_;  // until OnDone

  // Outlives the stream for as long as somebody looks at it.
  struct End {
    absl::Mutex mutex;
    bool done ABSL_GUARDED_BY(mutex) = false;
  };
  const std::shared_ptr<End> end_ = std::make_shared<End>();
};

}  // namespace perigee::satellite
