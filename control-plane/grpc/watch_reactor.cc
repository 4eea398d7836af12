#include "control-plane/grpc/watch_reactor.h"

#include <utility>

#include "shared/rpc/status_conversion.h"

namespace perigee::control {
namespace {

constexpr int kOpenWatches = 512;

}  // namespace

WatchReactor* WatchReactor::Start(grpc::CallbackServerContext* context, const v1::WatchRequest& request,
                                  Api& api, WorkerPool& pool, std::atomic<int>& watches) {
  auto reactor = std::make_shared<WatchReactor>(context, request, api, pool, watches);
  reactor->self_ = reactor;
  if (watches.fetch_add(1) >= kOpenWatches) {
    reactor->End(
        absl::ResourceExhaustedError("Too many watches are open on this control plane. Close some."));
  } else {
    reactor->PostStep();
  }
  return reactor.get();
}

WatchReactor::WatchReactor(grpc::CallbackServerContext* context, const v1::WatchRequest& request, Api& api,
                           WorkerPool& pool, std::atomic<int>& watches)
    : peer_(CallerOf(*context, api)), request_(request), api_(api), pool_(pool), watches_(watches) {}

void WatchReactor::PostStep() {
  {
    absl::MutexLock lock(&mutex_);
    if (step_posted_ || ended_) return;
    step_posted_ = true;
  }
  pool_.Post([self = shared_from_this()] { self->Step(); });
}

void WatchReactor::Step() {
  absl::MutexLock step(&step_mutex_);
  {
    absl::MutexLock lock(&mutex_);
    step_posted_ = false;
    if (ended_ || writing_) return;
  }
  if (stream_ == nullptr && !Open()) return;
  absl::StatusOr<std::vector<v1::WatchResponse>> responses = stream_->Next(absl::ZeroDuration());
  if (!responses.ok()) return End(responses.status());
  if (responses->empty()) return;  // the subscription wakes it again
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  for (v1::WatchResponse& response : *responses) queue_.push_back(std::move(response));
  writing_ = true;
  StartWrite(&queue_.front());
}

bool WatchReactor::Open() {
  absl::StatusOr<std::unique_ptr<WatchStream>> stream =
      peer_.ok() ? api_.Watch(peer_->caller, request_)
                 : absl::StatusOr<std::unique_ptr<WatchStream>>(peer_.status());
  if (!stream.ok()) {
    End(stream.status());
    return false;
  }
  stream_ = *std::move(stream);
  stream_->SetWakeup([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->PostStep();
  });
  return true;
}

void WatchReactor::OnWriteDone(bool ok) {
  bool more = false;
  {
    absl::MutexLock lock(&mutex_);
    queue_.pop_front();
    writing_ = false;
    if (ended_) return;
    if (ok && !queue_.empty()) {
      writing_ = true;
      StartWrite(&queue_.front());
      return;
    }
    more = ok;
  }
  if (more) {
    PostStep();
  } else {
    End(absl::CancelledError("The watcher has gone."));
  }
}

void WatchReactor::OnCancel() {
  End(absl::CancelledError("The watch was cancelled."));
}

void WatchReactor::End(const absl::Status& status) {
  {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    ended_ = true;
  }
  Finish(ToGrpc(status));
}

void WatchReactor::OnDone() {
  watches_.fetch_sub(1);
  // The subscription's end may wait for a wakeup that is being called, so not on gRPC's thread.
  pool_.Post([self = std::move(self_)] {
    absl::MutexLock step(&self->step_mutex_);
    if (self->stream_ != nullptr) self->stream_->SetWakeup(nullptr);
    self->stream_.reset();
  });
}

}  // namespace perigee::control
