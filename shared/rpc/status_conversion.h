// The same codes on both sides of the wire.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace perigee {

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace perigee
