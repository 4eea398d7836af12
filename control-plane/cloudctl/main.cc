#include <csignal>
#include <iostream>

#include "control-plane/cloudctl/cloudctl.h"
#include "shared/rpc/process_setup.h"

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a connection that breaks is an error with a message
  perigee::PrepareGrpc();
  perigee::control::Session session(std::cin, std::cout, std::cerr);
  return perigee::control::RunCloudctl(std::vector<std::string>(argv + 1, argv + argc), session);
}
