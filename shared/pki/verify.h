// Whether a certificate is to be believed, at a time that the caller names.
#pragma once

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shared/pki/certificate.h"

namespace perigee {

enum class Purpose { kServer, kClient };

struct Trust {
  std::vector<Certificate> roots;
  std::vector<Certificate> intermediates = {};  // may help to build a chain, are not trusted for themselves
};

// A path from `leaf` to one of the roots whose every certificate is valid at `at` and allowed for
// `purpose`. UNAUTHENTICATED with the reason otherwise.
absl::Status VerifyChain(const Certificate& leaf, const Trust& trust, Purpose purpose, absl::Time at);

// The time to verify at: a clock that was set back, or never set, must not bring back what has
// expired nor refuse what is fresh. `floor` is the newest time that something signed has told.
absl::Time VerificationTime(absl::Time clock, absl::Time floor);
// The times at which a server may be verified, the best first: at the floor, and, should the floor be wrong because
// the control plane's clock ran ahead when it was raised, at the clock alone. Valid at one of them is enough.
std::vector<absl::Time> VerificationTimes(absl::Time clock, absl::Time floor);
// This program was not built before then.
absl::Time BuildTime();

}  // namespace perigee
