// What this release can do, as words. A satellite says them in its Hello; an entry that needs one which the
// satellite lacks is refused there, and what runs is kept ("AgentTooOld"). A word is never given another
// meaning.
#pragma once

#include <string>
#include <vector>

#include "proto/perigee/v1/satellite.pb.h"

namespace perigee {

inline constexpr uint32_t kSessionProtocol = 1;

// Features of a satellite of this release: "process", "files", "secrets", "probes", "leases", "permits",
// "previous".
const std::vector<std::string>& SatelliteFeatures();
// Features of a control plane of this release.
const std::vector<std::string>& CentreFeatures();

// Features that `payload` (a serialized EntryPayload) needs and `have` lacks. An unreadable payload needs
// "readable".
std::vector<std::string> MissingFeatures(const std::string& payload, const std::vector<std::string>& have);
// One refusal, reason "AgentTooOld", for each entry that `have` does not suffice for.
std::vector<v1::Applied::Refusal> RefusedEntries(const std::vector<v1::Entry>& puts,
                                                 const std::vector<std::string>& have);

}  // namespace perigee
