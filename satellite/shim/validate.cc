// Its answers are read by people: each names the field and what is allowed.
#include <climits>
#include <set>

#include "absl/strings/str_cat.h"
#include "satellite/shim/protocol.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr size_t kLongestId = 64;
constexpr size_t kLongestEntryDigest = 128;
constexpr uint64_t kSmallestLogBudget = 4 * limits::kLogLineBytes;
constexpr int64_t kSmallestMemory = 1 << 20;
constexpr int64_t kLargestMemory = int64_t{1} << 50;
constexpr int64_t kLargestCpu = 10'000'000;
constexpr int64_t kLargestPids = 4'194'304;
constexpr int kLargestSignal = 64;

absl::Status Invalid(std::string_view field, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(field), ": ", std::string(why)));
}

bool HasNul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

bool IsEnvName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!allowed) return false;
  }
  return true;
}

absl::Status CheckTexts(std::string_view field, const std::vector<std::string>& texts) {
  if (texts.size() > limits::kCommandElements) {
    return Invalid(field, absl::StrCat("at most ", limits::kCommandElements, " elements"));
  }
  size_t total = 0;
  for (const std::string& text : texts) {
    if (HasNul(text)) return Invalid(field, "a NUL character cannot be passed to a program");
    total += text.size() + 1;
  }
  if (total > limits::kCommandBytes)
    return Invalid(field, absl::StrCat("at most ", limits::kCommandBytes, " bytes"));
  return absl::OkStatus();
}

absl::Status CheckCommand(const Run& run) {
  PERIGEE_RETURN_IF_ERROR(CheckTexts("command", run.command));
  if (run.command.empty() || run.command[0].empty()) return Invalid("command", "name a program");
  const std::string& program = run.command[0];
  if (program.find('/') != std::string::npos && !IsNormalAbsolutePath(program)) {
    return Invalid("command", "the program is an absolute path without . and .., or a name without /");
  }
  PERIGEE_RETURN_IF_ERROR(CheckTexts("env", run.env));
  for (const std::string& variable : run.env) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos || !IsEnvName(std::string_view(variable).substr(0, equals))) {
      return Invalid("env", "write NAME=value, NAME of letters, digits and _");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPlace(const std::string& path) {
  if (!IsNormalAbsolutePath(path) || path == "/") {
    return Invalid("files", "a path is absolute, without . and .. and double slashes");
  }
  for (const std::string_view kernel : {"/proc", "/sys", "/dev"}) {
    const bool beneath = path.compare(0, kernel.size(), kernel) == 0 &&
                         (path.size() == kernel.size() || path[kernel.size()] == '/');
    if (beneath) return Invalid("files", path + " is the kernel's: choose a place in another directory");
  }
  return absl::OkStatus();
}

absl::Status CheckFiles(const std::vector<RunFile>& files) {
  if (files.size() > limits::kReplicaFiles) {
    return Invalid("files", absl::StrCat("at most ", limits::kReplicaFiles));
  }
  std::set<std::string> paths;
  uint64_t total = 0;
  for (const RunFile& file : files) {
    PERIGEE_RETURN_IF_ERROR(CheckPlace(file.path));
    if ((file.mode & ~0777u) != 0) return Invalid("files", file.path + ": a mode is at most 0777");
    if (!paths.insert(file.path).second) return Invalid("files", file.path + " is there twice");
    total += file.content.size();
  }
  if (total > limits::kReplicaFileBytes) {
    return Invalid("files", absl::StrCat("at most ", limits::kReplicaFileBytes, " bytes together"));
  }
  for (const std::string& path : paths) {
    // Sorted, but "/a-b" stands between "/a" and "/a/b": so each parent is looked for.
    for (size_t slash = path.rfind('/'); slash != 0; slash = path.rfind('/', slash - 1)) {
      if (paths.contains(path.substr(0, slash))) {
        return Invalid("files", path.substr(0, slash) + " is a file and a directory");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers(const Run& run) {
  PERIGEE_RETURN_IF_ERROR(ValidateLimits(run.limits));
  if (run.stop_signal < 1 || run.stop_signal > kLargestSignal) return Invalid("stop_signal", "1 to 64");
  if (run.grace < absl::ZeroDuration() || run.grace > absl::Hours(limits::kGraceHours)) {
    return Invalid("grace_ms", "at most a day");
  }
  if (run.log_budget != 0 &&
      (run.log_budget < kSmallestLogBudget || run.log_budget > limits::kReplicaLogBytesMax)) {
    return Invalid("log_budget", "0 for the default, or from 64 KiB to 1 GiB");
  }
  if (run.lease && *run.lease < absl::ZeroDuration()) return Invalid("lease", "not negative");
  return absl::OkStatus();
}

}  // namespace

bool IsReplicaId(std::string_view id) {
  if (id.empty() || id.size() > kLongestId) return false;
  for (const char c : id) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return true;
}

bool IsNormalAbsolutePath(std::string_view path) {
  if (path.empty() || path[0] != '/' || path.size() >= PATH_MAX || HasNul(path)) return false;
  if (path == "/") return true;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::string_view component = path.substr(0, path.find('/'));
    if (component.empty() || component == "." || component == ".." || component.size() > NAME_MAX)
      return false;
    path.remove_prefix(component.size());
  }
  return true;
}

absl::Status ValidateLimits(const ResourceLimits& asked) {
  if (asked.memory_bytes != 0 &&
      (asked.memory_bytes < kSmallestMemory || asked.memory_bytes > kLargestMemory)) {
    return Invalid("memory_bytes", "0 for no limit, or from 1 MiB to 1 PiB");
  }
  if (asked.cpu_millis < 0 || asked.cpu_millis > kLargestCpu) return Invalid("cpu_millis", "0 to 10000000");
  if (asked.pids < 0 || asked.pids > kLargestPids) return Invalid("pids", "0 to 4194304");
  return absl::OkStatus();
}

absl::Status ValidateRun(const Run& run) {
  if (!IsReplicaId(run.id)) return Invalid("id", "1 to 64 of a-z, 0-9 and -");
  const std::string& digest = run.entry_sha256;
  if (digest.empty() || digest.size() > kLongestEntryDigest ||
      digest.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") !=
          digest.npos) {
    return Invalid("entry_sha256", "1 to 128 letters and digits");
  }
  PERIGEE_RETURN_IF_ERROR(CheckCommand(run));
  PERIGEE_RETURN_IF_ERROR(CheckFiles(run.files));
  if (!run.workdir.empty() && !IsNormalAbsolutePath(run.workdir))
    return Invalid("workdir", "an absolute path without . and ..");
  if (!IsNormalAbsolutePath(run.log_dir) || run.log_dir == "/") {
    return Invalid("log_dir", "an absolute path without . and ..");
  }
  return CheckNumbers(run);
}

absl::Status ValidateExec(const ExecRequest& request) {
  Run run;
  run.command = request.command;
  run.env = request.env;
  PERIGEE_RETURN_IF_ERROR(CheckCommand(run));
  if (request.timeout >= absl::Milliseconds(1) && request.timeout <= kLongestExec) return absl::OkStatus();
  return Invalid("timeout_ms", absl::StrCat("1 ms to ", absl::FormatDuration(kLongestExec)));
}

}  // namespace perigee::satellite
