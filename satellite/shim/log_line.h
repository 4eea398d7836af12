// The format of captured output, one record a line:
//   2026-05-04T03:02:01.123456789Z stdout F the text as it was written
// time (UTC, of the host, when it was read), stream, F (full: it ended with a newline
// or the end of the stream) or P (partial: cut at limits::kLogLineBytes, the rest follows
// as the next record of that stream), text. The text holds no newline; other bytes are as written.
// Part of the shim's frozen protocol. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace perigee::satellite {

enum class LogStream { kStdout, kStderr, kPerigee };  // kPerigee: a note of the shim itself
std::string_view LogStreamName(LogStream stream);

struct LogLine {
  absl::Time time;
  LogStream stream = LogStream::kStdout;
  bool partial = false;
  std::string text;
  bool operator==(const LogLine&) const = default;
};

std::string EncodeLogLine(const LogLine& line);  // with its newline
// Without its newline. INVALID_ARGUMENT for anything else.
absl::StatusOr<LogLine> DecodeLogLine(std::string_view line);

inline constexpr char kCurrentLog[] = "current";
inline constexpr char kPreviousLog[] = "previous";

}  // namespace perigee::satellite
