#include "satellite/logs/reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "absl/time/time.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

// Opened together, so that a rotation between them is seen: then the pair is opened again.
struct Files {
  Fd previous, current;
};

Fd OpenLog(const std::string& path) {
  return Fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

bool StillNamed(const Fd& file, const std::string& path) {
  struct stat open_file, named;
  if (!file.valid()) return stat(path.c_str(), &named) != 0;
  return fstat(file.get(), &open_file) == 0 && stat(path.c_str(), &named) == 0 &&
         open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

Files OpenBoth(const std::string& log_dir) {
  // Rotations are some hundred writes apart, but a reader may be descheduled in every attempt.
  constexpr int kAttempts = 1000;
  const std::string previous = log_dir + "/" + kPreviousLog;
  const std::string current = log_dir + "/" + kCurrentLog;
  Files files;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    files.current = OpenLog(current);
    files.previous = OpenLog(previous);
    if (StillNamed(files.current, current) && StillNamed(files.previous, previous)) break;
  }
  return files;
}

// The file from `limit` bytes before its end.
absl::StatusOr<std::string> ReadEnd(const Fd& file, uint64_t limit) {
  struct stat found;
  if (!file.valid()) return std::string();
  if (fstat(file.get(), &found) != 0) return ErrnoStatus(errno, "looking at a log");
  if (!S_ISREG(found.st_mode)) return absl::FailedPreconditionError("a log is not a file");
  const auto size = static_cast<uint64_t>(found.st_size);
  const uint64_t take = std::min(size, limit);
  std::string content(take, '\0');
  size_t done = 0;
  while (done < take) {
    const ssize_t got =
        pread(file.get(), content.data() + done, take - done, static_cast<off_t>(size - take + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "reading a log");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  content.resize(done);
  return content;
}

bool Wanted(const LogLine& line, const LogQuery& query) {
  if (line.time < query.since) return false;
  if (line.stream == LogStream::kStdout) return query.from_stdout;
  if (line.stream == LogStream::kStderr) return query.from_stderr;
  return true;
}

// From the end, so that a short tail of a long log costs little.
void TakeFromEnd(std::string_view content, const LogQuery& query, std::vector<LogLine>& newest_first) {
  while (!content.empty() && newest_first.size() < query.tail) {
    if (content.back() == '\n') content.remove_suffix(1);
    const size_t newline = content.rfind('\n');
    const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    auto line = DecodeLogLine(content.substr(begin));
    if (line.ok() && Wanted(*line, query)) newest_first.push_back(*std::move(line));
    content = content.substr(0, begin);
  }
}

// Length of the valid UTF-8 sequence that `text` begins with; 0 when it is none.
size_t SequenceLength(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t length = first < 0x80                    ? 1
                        : first >= 0xc2 && first < 0xe0 ? 2
                        : (first & 0xf0) == 0xe0        ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  if (length == 0 || length > text.size()) return 0;
  uint32_t point = length == 1 ? first : first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return 0;
    point = point << 6 | (next & 0x3fu);
  }
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  const bool too_long =
      (length == 3 && point < 0x800) || (length == 4 && (point < 0x10000 || point > 0x10ffff));
  return surrogate || too_long ? 0 : length;
}

// Control characters, also those of U+0080..U+009F, and what turns the direction of text around.
bool MayBeShown(std::string_view sequence) {
  if (sequence.size() == 1) return sequence[0] == '\t' || (sequence[0] >= ' ' && sequence[0] != 0x7f);
  if (sequence.size() == 2) return !(sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0);
  for (const std::string_view turning : {"\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e",
                                         "\u2066", "\u2067", "\u2068", "\u2069", "\u2028", "\u2029"}) {
    if (sequence == turning) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::vector<LogLine>> ReadLogs(const std::string& log_dir, const LogQuery& query) {
  const Files files = OpenBoth(log_dir);
  if (!files.current.valid() && !files.previous.valid()) {
    return absl::NotFoundError(absl::StrCat("nothing was captured in ", log_dir, " yet"));
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::string current, ReadEnd(files.current, limits::kLogReadBytes));
  std::vector<LogLine> lines;
  TakeFromEnd(current, query, lines);
  if (lines.size() < query.tail) {
    PERIGEE_ASSIGN_OR_RETURN(const std::string previous,
                             ReadEnd(files.previous, limits::kLogReadBytes - current.size()));
    TakeFromEnd(previous, query, lines);
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

std::string FormatLogLine(const LogLine& line) {
  std::string text = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", line.time, absl::UTCTimeZone());
  text += ' ';
  text += LogStreamName(line.stream);
  text += ' ';
  std::string_view rest = line.text;
  while (!rest.empty()) {
    const size_t length = SequenceLength(rest);
    const std::string_view sequence = rest.substr(0, std::max<size_t>(length, 1));
    rest.remove_prefix(sequence.size());
    if (length > 0 && MayBeShown(sequence)) {
      text += sequence;
      continue;
    }
    for (const char byte : sequence) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(byte));
      text += escaped;
    }
  }
  return text;
}

}  // namespace perigee::satellite
