// Reading what replicas wrote. The shim keeps the output of a replica in two
// files of its log directory, `previous` and `current`, one record a line
// (satellite/shim/log_line.h); this reads them in order, oldest first, whatever
// rotation does meanwhile. Records that are damaged (a host that lost power) are
// left out. The text is as the replica wrote it: escape it before a terminal sees it.
//
//   PERIGEE_ASSIGN_OR_RETURN(auto lines, ReadLogs(data_dir + "/logs/" + id, {.tail = 100}));
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "satellite/shim/log_line.h"

namespace perigee::satellite {

struct LogQuery {
  size_t tail = std::numeric_limits<size_t>::max();  // the last so many of those asked for
  absl::Time since = absl::InfinitePast();           // not older than this
  bool from_stdout = true;
  bool from_stderr = true;
};

// Notes of the shim itself (LogStream::kPerigee) always come along. NOT_FOUND when
// nothing was ever captured there. Reads at most limits::kLogReadBytes, the newest.
absl::StatusOr<std::vector<LogLine>> ReadLogs(const std::string& log_dir, const LogQuery& query);

// One line for a terminal or a pipe: time, stream and text, where the control characters of
// the text (all but tabs) and bytes that are not UTF-8 are escaped as \xHH.
std::string FormatLogLine(const LogLine& line);

}  // namespace perigee::satellite
