#include "shared/session/features.h"

#include <algorithm>

#include "absl/strings/str_join.h"

namespace perigee {

const std::vector<std::string>& SatelliteFeatures() {
  static const auto* const features =
      new std::vector<std::string>{"process", "files", "secrets", "probes", "leases", "permits", "previous"};
  return *features;
}

const std::vector<std::string>& CentreFeatures() {
  static const auto* const features =
      new std::vector<std::string>{"entries", "signed-roots", "recovery", "challenge"};
  return *features;
}

std::vector<std::string> MissingFeatures(const std::string& payload, const std::vector<std::string>& have) {
  v1::EntryPayload content;
  if (!content.ParseFromString(payload)) return {"readable"};
  std::vector<std::string> missing;
  for (const std::string& feature : content.required_features()) {
    if (std::find(have.begin(), have.end(), feature) == have.end()) missing.push_back(feature);
  }
  return missing;
}

std::vector<v1::Applied::Refusal> RefusedEntries(const std::vector<v1::Entry>& puts,
                                                 const std::vector<std::string>& have) {
  std::vector<v1::Applied::Refusal> refused;
  for (const v1::Entry& entry : puts) {
    const std::vector<std::string> missing = MissingFeatures(entry.payload(), have);
    if (missing.empty()) continue;
    v1::Applied::Refusal& refusal = refused.emplace_back();
    refusal.set_key(entry.key());
    refusal.set_reason("AgentTooOld");
    refusal.set_message("This agent lacks " + absl::StrJoin(missing, ", ") +
                        ". What runs is kept; upgrade perigee-satellite on this host.");
  }
  return refused;
}

}  // namespace perigee
