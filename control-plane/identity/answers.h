// What a host is told about its request.
#pragma once

#include "control-plane/identity/context.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/satellite.pb.h"

namespace perigee::control {

// With certificates only when it is approved.
v1::EnrollResponse AnswerFor(const IdentityContext& context, const v1::EnrollmentRequest& request);

}  // namespace perigee::control
