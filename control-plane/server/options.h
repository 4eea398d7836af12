// What the command line says.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control-plane/identity/enrolment_decision.h"

namespace perigee::control {

struct ServeOptions {
  std::string data_dir;
  std::string listen = "0.0.0.0";
  int https_port = 7443;
  int grpc_port = 7444;
  std::vector<std::string> advertise;
  absl::Duration satellite_certificate_lifetime = absl::Hours(24 * 90);
  absl::Duration heartbeat = absl::Seconds(10);
  RecoveryPolicy recovery = RecoveryPolicy::kAuto;
  std::string log_level;
};

// What to do, or what to print and with which code to exit (help, version, wrong arguments).
struct Exit {
  int code = 0;
  std::string out;
  std::string error;
};
std::variant<ServeOptions, Exit> ParseArguments(int argc, const char* const* argv);

}  // namespace perigee::control
