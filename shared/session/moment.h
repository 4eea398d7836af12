// "Now" as the session cores take it: the wall clock for what people read, the boot clock for every decision.
#pragma once

#include <chrono>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "shared/base/clock.h"

namespace perigee {

struct Moment {
  absl::Time wall;
  std::chrono::nanoseconds boottime{0};

  static Moment Of(const Clock& clock) { return {clock.Now(), clock.SinceBoot()}; }
};

google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);

}  // namespace perigee
