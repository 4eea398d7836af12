#include "control-plane/grpc/session_stream.h"

#include <utility>

#include "shared/rpc/status_conversion.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kGoodbyeWithin = absl::Seconds(2);

}  // namespace

SessionStream* SessionStream::Start(grpc::CallbackServerContext* context, const PeerCertificate& peer,
                                    SessionHub& hub, Executor& timer) {
  auto stream = std::make_shared<SessionStream>(context, hub, timer);
  stream->self_ = stream;
  stream->StartSendInitialMetadata();
  // The first read is started once the id is known, since its answer needs it.
  stream->id_ = hub.Open(peer, stream);
  stream->ReadMore();
  return stream.get();
}

SessionStream::SessionStream(grpc::CallbackServerContext* context, SessionHub& hub, Executor& timer)
    : context_(context), hub_(hub), timer_(timer) {}

void SessionStream::Send(v1::FromControlPlane message) {
  bool stalled = false;
  {
    absl::MutexLock lock(&mutex_);
    if (broken_ || finish_with_) return;
    stalled = !queue_.Push(std::move(message));
    if (stalled) {
      broken_ = true;
    } else {
      WriteNext();
    }
  }
  if (stalled) CancelIfOpen();
}

void SessionStream::WriteNext() {
  if (writing_ || finished_) return;
  if (const v1::FromControlPlane* next = broken_ ? nullptr : queue_.Begin(); next != nullptr) {
    writing_ = true;
    StartWrite(next);
  } else if (finish_with_) {
    finished_ = true;
    Reactor::Finish(ToGrpc(*finish_with_));
  }
}

void SessionStream::ReadMore() {
  absl::MutexLock lock(&mutex_);
  if (!finished_ && !done_) StartRead(&incoming_);
}

void SessionStream::Finish(absl::Status status) {
  {
    absl::MutexLock lock(&mutex_);
    if (finish_with_) return;
    finish_with_ = std::move(status);
    WriteNext();
    if (finished_) return;
  }
  timer_.PostAfter(kGoodbyeWithin, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->CancelIfOpen();
  });
}

void SessionStream::CancelIfOpen() {
  absl::MutexLock lock(&mutex_);
  if (!done_) context_->TryCancel();
}

void SessionStream::OnReadDone(bool ok) {
  if (ok) {
    hub_.Receive(id_, std::move(incoming_));
  } else {
    hub_.Closed(id_);
  }
}

void SessionStream::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  queue_.End();
  if (!ok) broken_ = true;
  WriteNext();
}

void SessionStream::OnDone() {
  {
    absl::MutexLock lock(&mutex_);
    done_ = true;
    broken_ = true;
  }
  self_.reset();
}

}  // namespace perigee::control
