// A release after this one: it adds a default to the template. No site may notice.
#include "control-plane/server/run_server.h"
#include "shared/resource/defaults.h"

int main(int argc, char** argv) {
  perigee::RegisterDefault("perigee.v1.WorkloadTask", "working_directory", "/tmp");
  return perigee::control::RunServer(argc, argv);
}
