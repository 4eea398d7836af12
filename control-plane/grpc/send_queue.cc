#include "control-plane/grpc/send_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "shared/base/limits.h"

namespace perigee::control {
namespace {

// Beside the delta: acknowledgements, one for each message of the satellite that was read.
constexpr size_t kOtherMessages = 1024;
constexpr uint64_t kOtherBytes = 4 << 20;
// Two parts in a row are always more than one of full size: the second did not fit the first.
constexpr size_t kMostMessages = 2 * limits::kDeltaBytes / limits::kDeltaPartBytes + kOtherMessages;
constexpr uint64_t kMostBytes = limits::kDeltaBytes + kOtherBytes;
static_assert(limits::kSatelliteEntriesBytes < limits::kDeltaBytes);

}  // namespace

bool SendQueue::Push(v1::FromControlPlane message) {
  const uint64_t bytes = message.ByteSizeLong();
  auto place = waiting_.end();
  // Over a slow line a large delta takes minutes. The satellite would hear nothing of the centre meanwhile, give the
  // stream up, and begin the same delta anew for ever.
  if (message.has_heartbeat_ack()) {
    place = std::find_if(std::next(waiting_.begin(), begun_ ? 1 : 0), waiting_.end(),
                         [](const Waiting& other) { return other.message.has_delta(); });
  }
  waiting_.insert(place, {std::move(message), bytes});
  bytes_ += bytes;
  return waiting_.size() <= kMostMessages && bytes_ <= kMostBytes;
}

const v1::FromControlPlane* SendQueue::Begin() {
  if (waiting_.empty()) return nullptr;
  begun_ = true;
  return &waiting_.front().message;
}

void SendQueue::End() {
  bytes_ -= waiting_.front().bytes;
  waiting_.pop_front();
  begun_ = false;
}

}  // namespace perigee::control
