// A store that forgets: for tests and simulations. The same writer core and
// feed as the durable one, and the same conformance suite.
#pragma once

#include <memory>

#include "control-plane/store/store.h"
#include "shared/base/clock.h"

namespace perigee::control {

std::unique_ptr<Store> NewMemoryStore(const Clock& clock);

}  // namespace perigee::control
