// What a replica's entry is made of, and its digest. While the digest stays the
// same the stored bytes stay the same, whatever this or a later release would
// make of them. Frozen from the first release: tests/golden/entries-v0.1.0.json.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/satellite.pb.h"
#include "proto/perigee/v1/workload.pb.h"

namespace perigee::control {

using ConfigsByName = std::map<std::string, const v1::Config*>;
using SecretsByName = std::map<std::string, const v1::Secret*>;

// All that compiling one replica may look at. The pointers outlive the call.
struct ReplicaInput {
  const v1::Assignment* assignment = nullptr;
  const v1::WorkloadRevision* revision = nullptr;
  std::string workload_kind;  // "service"
  const v1::Site* site = nullptr;
  const v1::Satellite* satellite = nullptr;
  ConfigsByName configs;  // of the project
  SecretsByName secrets;
};

// SHA-256 of the content of a Config, hex: its version. Revisions of before keys had versions were made with it.
std::string ConfigVersion(const v1::Config& config);
// The same of these keys alone: what a revision is made with, so that a change of any other key replaces nothing. Never
// equal to a ConfigVersion. A key that the Config has not is not counted.
std::string ConfigKeysVersion(const v1::Config& config, const std::set<std::string>& keys);

struct ResolvedConfig {
  std::string entry_key;  // "config/<hash of project, name and resolved data>"
  v1::ConfigEntry content;
};
// Everything resolved for one satellite.
struct ReplicaSources {
  v1::WorkloadTemplate resolved;
  std::map<std::string, ResolvedConfig> configs;  // by Config name
  std::map<std::string, std::string> used;        // placeholder -> value
  std::string source;                             // digest, 32 bytes
};

// NOT_FOUND: a placeholder has no value at this site (the message names it; condition MissingSiteValue).
// FAILED_PRECONDITION: a Config or Secret is not at the version the revision was made with; a new revision is due.
absl::StatusOr<ReplicaSources> ResolveSources(const ReplicaInput& input);

// Values of the placeholders at one satellite.
std::map<std::string, std::string> PlaceholderValues(const v1::Site& site, const v1::Satellite& satellite);

}  // namespace perigee::control
