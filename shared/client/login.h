// Exchanges a password for a client certificate of some hours, over HTTPS
// against a CA that is pinned by the hash of its root.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/client/context.h"

namespace perigee {

struct LoginArguments {
  std::string server;   // https://HOST:PORT
  std::string ca_hash;  // sha256:HEX
  std::string user;
  std::string password;
};
struct LoginResult {
  Context context;  // without a name
  Credentials credentials;
  absl::Time not_after;
};
// The key is made here and never leaves this machine.
absl::StatusOr<LoginResult> Login(const LoginArguments& arguments);

}  // namespace perigee
