#include "satellite/agent/local_json.h"

#include <nlohmann/json.hpp>

#include "absl/time/time.h"

namespace perigee::satellite {
namespace {

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

nlohmann::ordered_json ReplicaAsJson(const LocalReplica& replica) {
  return {{"id", replica.id},
          {"name", replica.name},
          {"workload", replica.workload},
          {"project", replica.project},
          {"state", replica.state},
          {"reason", replica.reason},
          {"message", replica.message},
          {"exit", replica.exit},
          {"pid", replica.pid},
          {"restarts", replica.restarts},
          {"since", Rfc3339(replica.since)},
          {"onPrevious", replica.on_previous}};
}

}  // namespace

std::string FormatViewAsJson(const LocalView& view) {
  nlohmann::ordered_json json = {{"satellite", view.satellite},
                                 {"site", view.site},
                                 {"agentRunning", view.agent_running},
                                 {"connected", view.connected},
                                 {"linkSince", Rfc3339(view.link_since)},
                                 {"linkMessage", view.link_message},
                                 {"sequence", view.sequence},
                                 {"problems", view.problems},
                                 {"replicas", nlohmann::ordered_json::array()}};
  for (const LocalReplica& replica : view.replicas) json["replicas"].push_back(ReplicaAsJson(replica));
  // Messages come from the outside; a byte that is not UTF-8 must not end the command.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace perigee::satellite
