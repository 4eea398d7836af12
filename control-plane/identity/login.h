// People come in: a password for a client certificate of some hours.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "control-plane/identity/context.h"
#include "control-plane/identity/failure_limiter.h"
#include "proto/perigee/v1/satellite.pb.h"

namespace perigee::control {

// Thread-safe.
class Login {
 public:
  explicit Login(IdentityContext context);

  // At first start: a password in D/admin-password (0600) and the user "admin" with its hash.
  // Safe to repeat after a crash at any point. Does nothing once the user exists.
  [[nodiscard]] absl::Status EnsureAdmin(const std::string& data_dir);

  // UNAUTHENTICATED for a wrong password and for an unknown user alike, in like time;
  // RESOURCE_EXHAUSTED for an address (as text) that failed too often.
  [[nodiscard]] absl::StatusOr<v1::LoginResponse> Authenticate(const v1::LoginRequest& request,
                                                               std::string_view address);

 private:
  bool Verify(std::string_view password, const std::string& phc);

  const IdentityContext context_;
  FailureLimiter failures_;
  const std::string nobody_hash_;  // what the password of an unknown user is compared with
  absl::Mutex mutex_;
  int hashing_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace perigee::control
