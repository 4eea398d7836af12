// What the controllers work on. All of it outlives them.
#pragma once

#include "control-plane/admission/intent.h"
#include "control-plane/admission/observation.h"
#include "control-plane/compile/compile.h"
#include "control-plane/store/store.h"
#include "control-plane/watch/model.h"
#include "shared/base/clock.h"

namespace perigee::control {

struct ControllerParts {
  Store& store;
  Model& model;
  Intent& intent;
  Observation& observation;
  Sealer& sealer;
  const Clock& clock;
};

}  // namespace perigee::control
