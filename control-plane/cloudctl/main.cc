#include <iostream>

#include "control-plane/cloudctl/cloudctl.h"
#include "shared/rpc/process_setup.h"

int main(int argc, char** argv) {
  perigee::PrepareGrpc();
  perigee::control::Session session(std::cin, std::cout, std::cerr);
  return perigee::control::RunCloudctl(std::vector<std::string>(argv + 1, argv + argc), session);
}
