// From a replica's entry to what the runtime is asked to start: variables and
// files filled in from Config and Secret, ports, limits. Secrets are opened here,
// in memory, at each start; their text goes to the runtime and nowhere else.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "satellite/reconciler/plan.h"
#include "satellite/runtime/runtime.h"
#include "shared/pki/key.h"

namespace perigee::satellite {

// What is the same for all replicas of this satellite.
struct LaunchSite {
  std::string satellite;  // name
  std::string site;       // name
  std::string address;    // where workloads listen
  std::string data_dir;
  std::optional<PrivateKey> sealing_key;
  std::string sealing_certificate;  // DER
};

// Either a run, or why there is none.
struct Launch {
  std::optional<StartRequest> run;
  StartFailure failure;
};

Launch MakeLaunch(const LaunchSite& site, const Desired& desired, const std::string& id,
                  const std::string& sha256, std::optional<absl::Duration> lease);

// Port name -> number on the host.
std::map<std::string, int> PortsOf(const v1::ReplicaEntry& entry);
// The probes' environment: what the replica gets, without what comes from secrets.
std::vector<std::string> PublicEnvironment(const LaunchSite& site, const Desired& desired,
                                           const v1::ReplicaEntry& entry);
// "checkout-0", as people see it.
std::string ReplicaName(const v1::ReplicaEntry& entry);
std::string LogDirectory(const std::string& data_dir, const std::string& id);
// INVALID_ARGUMENT for an id that is none and could lead out of the logs ("..").
absl::Status RemoveLogs(const std::string& data_dir, const std::string& id);

}  // namespace perigee::satellite
