// Captured output into `current`, and `previous` when that is full. Never fails
// and never waits: what cannot be written is dropped and counted, and a note says
// so once writing works again. Not thread-safe.
//
//   LogWriter log({.directory = run.log_dir, .budget = 8 << 20});
//   log.Append(LogStream::kStdout, bytes, absl::Now());
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "satellite/shim/log_line.h"
#include "shared/base/files.h"

namespace perigee::satellite {

class LogWriter {
 public:
  struct Config {
    std::string directory;  // made when its parent is there
    uint64_t budget = 0;    // for both files together
    int64_t uid = -1;       // as whom the directory is used; -1: as the process
    int64_t gid = -1;
  };
  explicit LogWriter(Config config);

  void Append(LogStream stream, std::string_view bytes, absl::Time now);
  // The rest of a line that did not end with a newline.
  void Finish(LogStream stream, absl::Time now);
  void Note(std::string_view text, absl::Time now);
  uint64_t dropped_bytes() const { return dropped_; }

 private:
  void Emit(LogLine line);
  void Write(std::string_view record);
  absl::Status EnsureOpen();
  void Rotate();
  void TellDropped(absl::Time now);

  const Config config_;
  Fd file_;
  uint64_t size_ = 0;     // of `current`
  uint64_t dropped_ = 0;  // ever
  uint64_t told_ = 0;     // of those, told in a note
  absl::Time retry_at_ = absl::InfinitePast();
  absl::Time now_;
  std::array<std::string, 2> unfinished_;  // by stream
};

}  // namespace perigee::satellite
