#include "satellite/shim/log_line.h"

#include <cstdio>
#include <ctime>

#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr size_t kTimeLength = sizeof("2026-05-04T03:02:01.123456789Z") - 1;

std::string TimeText(absl::Time time) {
  const timespec parts = absl::ToTimespec(time);
  tm calendar{};
  gmtime_r(&parts.tv_sec, &calendar);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", calendar.tm_year + 1900,
                calendar.tm_mon + 1, calendar.tm_mday, calendar.tm_hour, calendar.tm_min, calendar.tm_sec,
                parts.tv_nsec);
  return text;
}

// Digits only, no sign: sscanf would take both.
bool TakeNumber(std::string_view text, size_t from, size_t count, int& number) {
  number = 0;
  for (const char digit : text.substr(from, count)) {
    if (digit < '0' || digit > '9') return false;
    number = number * 10 + (digit - '0');
  }
  return true;
}

bool ParseTime(std::string_view text, absl::Time& time) {
  tm calendar{};
  int nanoseconds = 0;
  if (text.size() != kTimeLength) return false;
  const bool shaped = text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':' &&
                      text[16] == ':' && text[19] == '.' && text[kTimeLength - 1] == 'Z';
  if (!shaped || !TakeNumber(text, 0, 4, calendar.tm_year) || !TakeNumber(text, 5, 2, calendar.tm_mon) ||
      !TakeNumber(text, 8, 2, calendar.tm_mday) || !TakeNumber(text, 11, 2, calendar.tm_hour) ||
      !TakeNumber(text, 14, 2, calendar.tm_min) || !TakeNumber(text, 17, 2, calendar.tm_sec) ||
      !TakeNumber(text, 20, 9, nanoseconds)) {
    return false;
  }
  calendar.tm_year -= 1900;
  calendar.tm_mon -= 1;
  time = absl::FromTimeT(timegm(&calendar)) + absl::Nanoseconds(nanoseconds);
  return true;
}

}  // namespace

std::string_view LogStreamName(LogStream stream) {
  switch (stream) {
    case LogStream::kStdout:
      return "stdout";
    case LogStream::kStderr:
      return "stderr";
    case LogStream::kPerigee:
      break;
  }
  return "perigee";
}

std::string EncodeLogLine(const LogLine& line) {
  std::string text = TimeText(line.time);
  text += ' ';
  text += LogStreamName(line.stream);
  text += line.partial ? " P " : " F ";
  text += line.text;
  text += '\n';
  return text;
}

absl::StatusOr<LogLine> DecodeLogLine(std::string_view text) {
  LogLine line;
  if (text.size() <= kTimeLength || !ParseTime(text.substr(0, kTimeLength), line.time)) {
    return absl::InvalidArgumentError("a captured line does not begin with a time");
  }
  text.remove_prefix(kTimeLength);
  for (const LogStream stream : {LogStream::kStdout, LogStream::kStderr, LogStream::kPerigee}) {
    for (const bool partial : {false, true}) {
      const std::string head = " " + std::string(LogStreamName(stream)) + (partial ? " P " : " F ");
      if (text.substr(0, head.size()) != head) continue;
      line.stream = stream;
      line.partial = partial;
      line.text = text.substr(head.size());
      if (line.text.find('\n') != std::string::npos) break;
      return line;
    }
  }
  return absl::InvalidArgumentError("a captured line names no stream");
}

}  // namespace perigee::satellite
