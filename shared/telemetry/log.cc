#include "shared/telemetry/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/telemetry/escape.h"

namespace perigee {
namespace {

constexpr char kPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

struct Logger {
  spdlog::logger out{"", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  absl::Mutex mutex;
  std::string program ABSL_GUARDED_BY(mutex);  // "name: "

  Logger() {
    out.set_pattern(kPattern, spdlog::pattern_time_type::utc);
    out.flush_on(spdlog::level::debug);
    // A log that cannot be written (a full disk, a closed pipe) must not stop the program.
    out.set_error_handler([](const std::string&) {});
  }
};

Logger& TheLogger() {
  static Logger* const logger = new Logger();
  return *logger;
}

bool NeedsQuotes(std::string_view text) {
  return text.empty() || text.find_first_of(" =\"") != std::string_view::npos;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

LogField::LogField(std::string_view name, double number) : key(name), value(absl::StrFormat("%g", number)) {}
LogField::LogField(std::string_view name, absl::Duration duration)
    : key(name), value(absl::FormatDuration(duration)) {}
LogField::LogField(std::string_view name, absl::Time time)
    : key(name), value(absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone())) {}
LogField::LogField(std::string_view name, const absl::Status& status) : key(name), value(status.ToString()) {}

absl::StatusOr<Level> ParseLevel(std::string_view name) {
  if (name == "debug") return Level::kDebug;
  if (name == "info") return Level::kInfo;
  if (name == "warning") return Level::kWarning;
  if (name == "error") return Level::kError;
  return absl::InvalidArgumentError(absl::StrCat("\"", EscapeForTerminal(name),
                                                 "\" is not a log level: use debug, info, warning or error"));
}

absl::Status StartLogging(std::string_view program, std::string_view level_name) {
  const char* const from_environment = std::getenv("PERIGEE_LOG_LEVEL");
  if (level_name.empty() && from_environment != nullptr) level_name = from_environment;
  if (level_name.empty()) level_name = "info";
  PERIGEE_ASSIGN_OR_RETURN(const Level level, ParseLevel(level_name));
  SetLogLevel(level);
  Logger& logger = TheLogger();
  absl::MutexLock lock(&logger.mutex);
  logger.program = EscapeForTerminal(program) + ": ";
  return absl::OkStatus();
}

void SetLogLevel(Level level) {
  TheLogger().out.set_level(ToSpdlog(level));
}

void Log(Level level, std::string_view message, std::initializer_list<LogField> fields) {
  Logger& logger = TheLogger();
  if (!logger.out.should_log(ToSpdlog(level))) return;
  std::string line;
  {
    absl::MutexLock lock(&logger.mutex);
    line = logger.program;
  }
  line += FormatRecord(message, fields);
  if (line.size() > limits::kLogLineBytes) {
    size_t end = limits::kLogLineBytes;
    while ((line[end] & 0xc0) == 0x80) --end;  // not within a character
    line.resize(end);
    line += "...";
  }
  // "{}", so that a brace in the text is not taken for a format.
  logger.out.log(ToSpdlog(level), "{}", line);
}

std::string FormatRecord(std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = EscapeForTerminal(message);
  for (const LogField& field : fields) {
    const std::string value = EscapeForTerminal(field.value);
    absl::StrAppend(&line, " ", EscapeForTerminal(field.key), "=",
                    NeedsQuotes(value) ? Quoted(value) : value);
  }
  return line;
}

}  // namespace perigee
