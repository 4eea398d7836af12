// What the agent shows at the site itself: the rows of `perigee-satellite status`
// and the way they travel over the local socket. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/base/record.h"

namespace perigee::satellite {

struct LocalReplica {
  std::string id;
  std::string name;  // "checkout-0"
  std::string workload;
  std::string project;
  std::string state;
  std::string reason;
  std::string message;
  std::string exit;
  int64_t pid = 0;
  int32_t restarts = 0;
  absl::Time since = absl::UnixEpoch();
  bool on_previous = false;
};

struct LocalView {
  std::string satellite;
  std::string site;
  bool agent_running = true;
  bool connected = false;
  absl::Time link_since = absl::UnixEpoch();  // connected, or cut off, since
  std::string link_message;                   // why not
  uint64_t sequence = 0;                      // applied
  std::vector<std::string> problems;          // conditions of the satellite that are not as they should be
  std::vector<LocalReplica> replicas;
};

Record EncodeView(const LocalView& view);
absl::StatusOr<LocalView> DecodeView(const Record& record);

// Ids that `name` means: a replica's id, its name, or all replicas of a workload. Empty name: all.
// NOT_FOUND names what there is.
absl::StatusOr<std::vector<LocalReplica>> FindReplicas(const LocalView& view, const std::string& name);

// The screen of `status`: the link, problems, the table. `now`: for ages.
std::string FormatView(const LocalView& view, absl::Time now);

}  // namespace perigee::satellite
