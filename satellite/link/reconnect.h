// When to try the control plane again. Pure. The first try is at once, the next
// within a second, then with full jitter up to 30 seconds, so that a fleet does
// not come back as one.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shared/base/backoff.h"

namespace perigee::satellite {

class Reconnect {
 public:
  // The wait before the next try. `fraction`: random, [0, 1). `not_before`: what the control plane asked for.
  absl::Duration Next(double fraction, absl::Duration not_before);
  // A session is up: the next loss begins anew.
  void OnUp() { failures_ = 0; }

 private:
  BackoffPolicy policy_{absl::Seconds(1), absl::Seconds(30)};
  int failures_ = 0;
};

// Whether a try that ended so reached the control plane and got no connection. A server that refuses a certificate does
// not say so (in TLS 1.3 that comes after the client's own part of the handshake): it closes. gRPC has the word for it
// only in its text.
bool LooksRefused(const absl::Status& ended);

// A certificate is renewed after a third of its life.
bool RenewalDue(absl::Time not_before, absl::Time not_after, absl::Time now);

}  // namespace perigee::satellite
