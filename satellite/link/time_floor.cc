#include "satellite/link/time_floor.h"

#include <algorithm>

#include "shared/base/limits.h"
#include "shared/pki/verify.h"

namespace perigee::satellite {

absl::Time RaisedFloor(absl::Time floor, absl::Time told, absl::Time clock) {
  constexpr absl::Duration kStep = absl::Hours(limits::kTimeFloorStepHours);
  const absl::Time known = std::max(floor, BuildTime());
  const bool clock_is_behind = clock + kStep < known;
  return std::max(floor, std::min(told, (clock_is_behind ? known : clock) + kStep));
}

}  // namespace perigee::satellite
