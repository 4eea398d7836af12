#include "control-plane/server/run_server.h"

#include <signal.h>

#include <iostream>

#include "control-plane/server/control_plane.h"
#include "control-plane/server/data_dir.h"
#include "control-plane/server/options.h"
#include "shared/base/status.h"
#include "shared/rpc/process_setup.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

// Before any thread is made, so that all of them leave these signals to WaitForStop.
sigset_t BlockStopSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  PERIGEE_ASSERT(pthread_sigmask(SIG_BLOCK, &stop, nullptr) == 0);
  return stop;
}

void WaitForStop(const sigset_t& stop) {
  int which = 0;
  while (sigwait(&stop, &which) != 0) {
  }
  Log(Level::kInfo, "stopping", {{"signal", which}});
}

void SayReady(const ControlPlane& control_plane, const DataDir& dir) {
  const Endpoints& endpoints = control_plane.endpoints();
  std::cout << "perigee-control-plane is ready\n"
            << "  login    cloudctl login " << endpoints.https << " --ca-hash " << endpoints.ca_hash
            << " --user admin --password-file " << dir.File("admin-password") << "\n"
            << "  gRPC     " << endpoints.grpc << std::endl;
}

absl::Status Serve(const ServeOptions& options) {
  const sigset_t stop = BlockStopSignals();
  PrepareGrpc();
  PERIGEE_RETURN_IF_ERROR(StartLogging("control-plane", options.log_level));
  PERIGEE_ASSIGN_OR_RETURN(const DataDir dir, DataDir::Open(options.data_dir));
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<ControlPlane> control_plane,
                           ControlPlane::Start(options, dir));
  SayReady(*control_plane, dir);
  WaitForStop(stop);
  return absl::OkStatus();
}

}  // namespace

int RunServer(int argc, char** argv) {
  const std::variant<ServeOptions, Exit> parsed = ParseArguments(argc, argv);
  if (const Exit* exit = std::get_if<Exit>(&parsed)) {
    std::cout << exit->out;
    std::cerr << exit->error;
    return exit->code;
  }
  if (const absl::Status served = Serve(std::get<ServeOptions>(parsed)); !served.ok()) {
    std::cerr << "perigee-control-plane: " << served.message() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace perigee::control
