// `perigee-satellite enroll`: from a token to an identity. Everything that is
// made at random is made once and kept in D/identity/pending before it is sent, so
// that trying again, after whatever failure, is the same request. The server is
// believed because its root has the hash that was given; the token is never an argument.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "satellite/state/identity.h"
#include "shared/base/clock.h"
#include "shared/base/random.h"

namespace perigee::satellite {

// The two doors of the control plane that enrolment needs.
class EnrolmentDoor {
 public:
  virtual ~EnrolmentDoor() = default;
  virtual absl::StatusOr<v1::EnrollResponse> Enrol(const v1::EnrollRequest& request) = 0;
  virtual absl::StatusOr<v1::EnrollResponse> Poll(const v1::EnrollPollRequest& request) = 0;
  virtual std::string Roots() const = 0;  // PEM; their hash has been checked
};
// UNAVAILABLE, or UNAUTHENTICATED when the server's root has another hash.
absl::StatusOr<std::unique_ptr<EnrolmentDoor>> OpenEnrolmentDoor(const std::string& server,
                                                                 const std::string& ca_hash);

struct EnrolOptions {
  std::string data_dir;
  std::string server;   // https://HOST:PORT
  std::string ca_hash;  // sha256:HEX
  std::string name;     // wanted; empty: chosen by the centre
  bool anew = false;    // also where an identity is; what it was is forgotten once the new one is here
  absl::Duration wait = absl::Minutes(10);
  v1::SatelliteFacts facts;
};

enum class EnrolOutcome { kEnrolled, kAlreadyEnrolled, kWaiting };

// FAILED_PRECONDITION: enrolled already, and the control plane refuses that identity; `anew` is the way out.
// `token`: called only when a request has to be made. `say`: a line for the person who waits.
absl::StatusOr<EnrolOutcome> Enrol(const EnrolOptions& options, EnrolmentDoor& door, const Clock& clock,
                                   Random& random, const std::function<absl::StatusOr<std::string>()>& token,
                                   const std::function<void(const std::string&)>& say);

}  // namespace perigee::satellite
