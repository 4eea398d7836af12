// The `process` runtime: replicas as processes of this host, through the socket
// of the launcher. Reconnects by itself when the launcher restarts, and then tells
// the listener to resync; what runs is not touched by that.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "satellite/runtime/runtime.h"

namespace perigee::satellite {

struct ProcessRuntimeOptions {
  std::string runtime_dir;  // R of `perigee-launcher --runtime-dir R`
  absl::Duration call_timeout = absl::Seconds(30);
  absl::Duration reconnect_max = absl::Seconds(2);
};

// Does not wait for a launcher: calls give UNAVAILABLE until one answers, and
// Listener::resync tells when it does. Owns the thread "runtime".
std::unique_ptr<Runtime> NewProcessRuntime(ProcessRuntimeOptions options);

}  // namespace perigee::satellite
