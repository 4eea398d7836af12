#include "satellite/link/stream.h"

#include <utility>

#include "shared/rpc/status_conversion.h"

namespace perigee::satellite {

std::shared_ptr<SessionStream> SessionStream::Open(std::shared_ptr<grpc::Channel> channel, Executor& executor,
                                                   Handler handler) {
  auto stream = std::make_shared<SessionStream>(std::move(channel), executor, std::move(handler));
  stream->Start();
  return stream;
}

SessionStream::SessionStream(std::shared_ptr<grpc::Channel> channel, Executor& executor, Handler handler)
    : channel_(std::move(channel)),
      stub_(v1::SatelliteService::NewStub(channel_)),
      executor_(executor),
      handler_(std::move(handler)) {}

void SessionStream::Start() {
  self_ = shared_from_this();
  stub_->async()->Session(&context_, this);
  AddHold();  // reads and writes are started outside of the library's callbacks
  StartCall();
  ReadNext();
}

void SessionStream::ReadNext() {
  if (let_go_) return;
  reading_ = true;
  StartRead(&incoming_);
}

void SessionStream::WriteNext() {
  if (writing_ || let_go_ || queue_.empty()) return;
  writing_ = true;
  StartWrite(&queue_.front());
}

void SessionStream::Send(v1::FromSatellite message) {
  if (let_go_) return;
  queue_.push_back(std::move(message));
  WriteNext();
}

void SessionStream::LetGo() {
  if (let_go_) return;
  let_go_ = true;
  RemoveHold();
}

void SessionStream::Cancel() {
  context_.TryCancel();
  if (!reading_) LetGo();  // else the read fails and lets go
}

void SessionStream::OnReadDone(bool ok) {
  executor_.Post([this, ok, self = self_] {
    reading_ = false;
    if (!ok) {
      LetGo();
      return;
    }
    handler_.received(incoming_);
    ReadNext();
  });
}

void SessionStream::OnWriteDone(bool ok) {
  executor_.Post([this, ok, self = self_] {
    writing_ = false;
    if (!queue_.empty()) queue_.pop_front();
    if (ok) WriteNext();  // else the read fails too and ends the stream
  });
}

void SessionStream::OnDone(const grpc::Status& status) {
  // The executor's thread gets the last reference: gRPC 1.51 cannot destroy a channel on a thread of its own (it
  // would join itself). The lock outlives the call of Post, so that AwaitEnd's caller may destroy the executor.
  const std::shared_ptr<End> end = end_;
  absl::MutexLock lock(&end->mutex);
  executor_.Post([self = std::move(self_), status = FromGrpc(status)] { self->handler_.ended(status); });
  end->done = true;
}

void SessionStream::AwaitEnd() {
  const std::shared_ptr<End> end = end_;
  absl::MutexLock lock(&end->mutex);
  end->mutex.Await(absl::Condition(&end->done));
}

}  // namespace perigee::satellite
