// What a changed Config or Secret would replace, decided by what decides it when it is applied (DecideRevision). For
// `cloudctl diff`, which says so before anything is done.
#pragma once

#include "control-plane/admission/policy_hook.h"
#include "control-plane/watch/model.h"

namespace perigee::control {

// `model` outlives it. For Intent::Parts::replacement_forecast.
ReplacementForecast ForecastFrom(const Model& model);

}  // namespace perigee::control
