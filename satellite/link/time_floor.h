// The time floor: no clock of this host is believed to be before it. Raised by what the control plane says, whose own
// clock may be wrong too: one jump of it must not make a fleet's certificates look old, so each word raises it by one
// step at most. Pure.
#pragma once

#include "absl/time/time.h"

namespace perigee::satellite {

// `told`: by the control plane. `clock`: this host's. One that is ahead of the floor, or less than a step behind it,
// bounds it: one step above the clock, however often a later time is told. One that is further behind was set back or
// never set and says nothing: the floor then follows what is told, step by step.
absl::Time RaisedFloor(absl::Time floor, absl::Time told, absl::Time clock);

}  // namespace perigee::satellite
