#include <cstdio>

#include "satellite/shim/protocol.h"
#include "satellite/shim/shim.h"

int main(int argc, char** argv) {
  if (argc != 2 || !perigee::satellite::IsNormalAbsolutePath(argv[1])) {
    std::fprintf(stderr, "usage: perigee-shim REPLICA-DIRECTORY (started by perigee-launcher)\n");
    return 2;
  }
  return perigee::satellite::ShimMain(argv[1]);
}
