// The log: one record, one line on standard error, key=value. Whatever a
// message or value holds, it stays on its line (see escape.h). Never log a secret:
// tokens, passwords, keys, the content of a Secret. Thread-safe.
//
//   Log(Level::kInfo, "satellite enrolled", {{"satellite", name}, {"attempt", 3}});
//   2026-01-02T03:04:05.678Z info  control-plane: satellite enrolled satellite=berlin-1 attempt=3
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/base/string_views.h"

namespace perigee {

enum class Level { kDebug, kInfo, kWarning, kError };

// A named value, as text. Not kept beyond the call to Log.
struct LogField {
  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const std::string& text) : key(name), value(text) {}
  LogField(std::string_view name, const char* text) : key(name), value(text) {}
  LogField(std::string_view name, absl::string_view text) : key(name), value(ToStd(text)) {}
  LogField(std::string_view name, bool truth) : key(name), value(truth ? "true" : "false") {}
  LogField(std::string_view name, double number);
  LogField(std::string_view name, absl::Duration duration);
  LogField(std::string_view name, absl::Time time);
  LogField(std::string_view name, const absl::Status& status);
  template <std::integral T>
  LogField(std::string_view name, T number) : key(name), value(std::to_string(number)) {}

  std::string_view key;
  std::string value;
};

// Names the program in each line and sets the level: `level_name` (a flag's value) when it is not
// empty, else the environment's PERIGEE_LOG_LEVEL, else info. INVALID_ARGUMENT for an unknown name.
// Without it records of level info and above are written, without a name.
absl::Status StartLogging(std::string_view program, std::string_view level_name);

// "debug", "info", "warning" or "error".
absl::StatusOr<Level> ParseLevel(std::string_view name);
void SetLogLevel(Level level);

void Log(Level level, std::string_view message, std::initializer_list<LogField> fields = {});

// The text of a record after its time, level and program. Values with spaces, quotes or = are quoted. Pure.
std::string FormatRecord(std::string_view message, std::initializer_list<LogField> fields);

}  // namespace perigee
