// Which WorkloadRevision a workload should be at. A revision is known by what was
// asked for (the template before defaults, the versions of what it uses), so an
// upgrade that adds a default makes no new one.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control-plane/controllers/snapshot.h"

namespace perigee::control {

// The exact versions of the Configs and Secrets that a template names.
struct Versions {
  std::map<std::string, std::string> configs;  // name -> ConfigKeysVersion of the keys referred to
  std::map<std::string, std::string> secrets;  // name -> version
};

// Something the template names is not there. Nothing changes until it is.
struct MissingPart {
  std::string reason;  // MissingConfig, MissingSecret or MissingKey
  std::string message;
};

struct RevisionDecision {
  // The one to be at; null with `missing` when none can be made and there is none yet.
  RevisionPtr current;
  bool is_new = false;  // `current` is to be created
  std::optional<MissingPart> missing;
};

RevisionDecision DecideRevision(const WorkloadSnapshot& snapshot);

// SHA-256, hex, over what a replica is made of as asked for (template, onDisconnect) and the versions. How it is
// rolled out is not part of it.
std::string AskedHash(const v1::WorkloadSpec& asked, const Versions& versions);

// Those over the newest limits::kRevisionsPerWorkload that nothing in `in_use` (uids) names.
std::vector<RevisionPtr> RevisionsToDrop(const std::vector<RevisionPtr>& revisions,
                                         const std::set<std::string>& in_use);

// A uid (UUID version 8) and a name, made of what they are of: the same decision gives the same ones.
std::string DerivedUid(const std::vector<std::string>& of);
std::string DerivedName(const std::string& base, const std::string& uid);

}  // namespace perigee::control
