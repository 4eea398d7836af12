// cloudctl: the cloud from a terminal. Each command is one file with one
// function Add...(app, session), which declares its options and what it does.
// Uses shared/ only: it is a client like any other.
//
//   Session session(std::cin, std::cout, std::cerr);
//   return RunCloudctl({"get", "sites"}, session);
//
// Exit codes: 0 done, 1 error (told on the error stream, with what to do), and
// of `diff` 2: there are changes.
#pragma once

#include <string>
#include <vector>

#include "control-plane/cloudctl/session.h"

namespace perigee::control {

int RunCloudctl(std::vector<std::string> arguments, Session& session);

}  // namespace perigee::control
