#include "satellite/shim/log_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "satellite/shim/acting_as.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);

size_t IndexOf(LogStream stream) {
  return stream == LogStream::kStderr ? 1 : 0;
}

}  // namespace

LogWriter::LogWriter(Config config) : config_(std::move(config)) {}

void LogWriter::Append(LogStream stream, std::string_view bytes, absl::Time now) {
  now_ = now;
  std::string& line = unfinished_[IndexOf(stream)];
  while (!bytes.empty()) {
    const size_t room = limits::kLogLineBytes - line.size();
    const size_t newline = bytes.substr(0, room + 1).find('\n');
    const size_t take = std::min({newline, room, bytes.size()});
    line.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
    const bool ended = newline != std::string_view::npos;
    if (ended) bytes.remove_prefix(1);
    if (!ended && (line.size() < limits::kLogLineBytes || bytes.empty())) return;
    Emit({now, stream, !ended, std::move(line)});
    line.clear();
  }
}

void LogWriter::Finish(LogStream stream, absl::Time now) {
  now_ = now;
  std::string& line = unfinished_[IndexOf(stream)];
  if (!line.empty()) Emit({now, stream, false, std::move(line)});
  line.clear();
}

void LogWriter::Note(std::string_view text, absl::Time now) {
  now_ = now;
  Emit({now, LogStream::kPerigee, false, std::string(text)});
}

void LogWriter::Emit(LogLine line) {
  if (dropped_ > told_) TellDropped(line.time);
  Write(EncodeLogLine(line));
}

void LogWriter::TellDropped(absl::Time now) {
  const uint64_t before = dropped_;
  const std::string note =
      absl::StrCat(before - told_, " bytes of output were dropped: the log could not be written");
  Write(EncodeLogLine({now, LogStream::kPerigee, false, note}));
  // A note that is dropped itself is not output of the replica.
  if (dropped_ == before) {
    told_ = before;
  } else {
    dropped_ = before;
  }
}

void LogWriter::Write(std::string_view record) {
  if (size_ > 0 && size_ + record.size() > config_.budget / 2) Rotate();
  // A wall clock that was set back must not make the wait longer.
  const bool waiting = now_ < retry_at_ && retry_at_ - now_ <= kRetry;
  if (!file_.valid() && (waiting || !EnsureOpen().ok())) {
    if (!waiting) retry_at_ = now_ + kRetry;
    dropped_ += record.size();
    return;
  }
  const ssize_t written = write(file_.get(), record.data(), record.size());
  if (written == static_cast<ssize_t>(record.size())) {
    size_ += record.size();
    return;
  }
  // Half a record would spoil the next one.
  if (written > 0 && ftruncate(file_.get(), static_cast<off_t>(size_)) != 0)
    size_ += static_cast<uint64_t>(written);
  dropped_ += record.size();
  retry_at_ = now_ + kRetry;
  file_ = Fd();
}

absl::Status LogWriter::EnsureOpen() {
  const ActingAs agent(config_.uid, config_.gid);
  if (mkdir(config_.directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "making the log directory");
  }
  const std::string path = config_.directory + "/" + kCurrentLog;
  // Not a link, and without waiting for a reader if somebody put a pipe there.
  Fd file(open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat found;
  if (!file.valid() || fstat(file.get(), &found) != 0) return ErrnoStatus(errno, "opening the log");
  if (!S_ISREG(found.st_mode)) return absl::FailedPreconditionError("the log is not a file");
  size_ = static_cast<uint64_t>(found.st_size);
  char last = '\n';
  if (size_ > 0 && pread(file.get(), &last, 1, found.st_size - 1) == 1 && last != '\n') {
    // A shim that was killed while it wrote left half a record.
    if (write(file.get(), "\n", 1) == 1) ++size_;
  }
  file_ = std::move(file);
  return absl::OkStatus();
}

void LogWriter::Rotate() {
  const ActingAs agent(config_.uid, config_.gid);
  const std::string current = config_.directory + "/" + kCurrentLog;
  const std::string previous = config_.directory + "/" + kPreviousLog;
  // When renaming fails the budget still holds: what is there goes.
  if (rename(current.c_str(), previous.c_str()) != 0 && (!file_.valid() || ftruncate(file_.get(), 0) != 0))
    return;
  file_ = Fd();
  size_ = 0;
  retry_at_ = absl::InfinitePast();
}

}  // namespace perigee::satellite
