// One Watch call. The model's thread and gRPC's threads only post steps to the pool; one step runs at a time. A reader that
// does not read stops the steps, and is cut off when too much waits for it.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>

#include <grpcpp/support/server_callback.h>

#include "absl/synchronization/mutex.h"
#include "control-plane/api/api.h"
#include "control-plane/grpc/peer_caller.h"
#include "control-plane/grpc/worker_pool.h"

namespace perigee::control {

class WatchReactor final : public grpc::ServerWriteReactor<v1::WatchResponse>,
                           public std::enable_shared_from_this<WatchReactor> {
 public:
  // `watches` counts those that are open.
  static WatchReactor* Start(grpc::CallbackServerContext* context, const v1::WatchRequest& request, Api& api,
                             WorkerPool& pool, std::atomic<int>& watches);
  WatchReactor(grpc::CallbackServerContext* context, const v1::WatchRequest& request, Api& api,
               WorkerPool& pool, std::atomic<int>& watches);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void PostStep();
  void Step();
  bool Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  void End(const absl::Status& status);

  // Read when the call begins, on gRPC's thread: a step may run after OnDone, when the context is gone.
  const absl::StatusOr<PeerCaller> peer_;
  const v1::WatchRequest request_;
  Api& api_;
  WorkerPool& pool_;
  std::atomic<int>& watches_;
  std::shared_ptr<WatchReactor> self_;  // until OnDone

  absl::Mutex step_mutex_;  // one step at a time
  std::unique_ptr<WatchStream> stream_ ABSL_GUARDED_BY(step_mutex_);
  absl::Mutex mutex_;
  std::deque<v1::WatchResponse> queue_ ABSL_GUARDED_BY(mutex_);
  bool step_posted_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace perigee::control
