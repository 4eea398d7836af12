// The program perigee-control-plane. In a library, so that a test can do something before (register a further default,
// as a later release would) and then be the same program.
#pragma once

namespace perigee::control {

// Exit code: 0 after an orderly stop, 1 for what went wrong, 2 for wrong arguments.
int RunServer(int argc, char** argv);

}  // namespace perigee::control
