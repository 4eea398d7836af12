#include "control-plane/server/run_server.h"

int main(int argc, char** argv) {
  return perigee::control::RunServer(argc, argv);
}
