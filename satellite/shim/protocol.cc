#include "satellite/shim/protocol.h"

#include <array>
#include <cstdio>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "satellite/shim/fields.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr char kEnv[] = "env";
constexpr char kFiles[] = "files";
constexpr size_t kFileParts = 3;

constexpr std::array<std::pair<Phase, std::string_view>, 3> kPhases = {{
    {Phase::kStarting, "starting"},
    {Phase::kRunning, "running"},
    {Phase::kExited, "exited"},
}};
constexpr std::array<std::pair<Exit::Kind, std::string_view>, 4> kExitKinds = {{
    {Exit::Kind::kCode, "code"},
    {Exit::Kind::kSignal, "signal"},
    {Exit::Kind::kNotStarted, "not-started"},
    {Exit::Kind::kLost, "lost"},
}};

template <typename Table, typename Value>
std::string_view NameIn(const Table& table, Value value) {
  for (const auto& [known, name] : table) {
    if (known == value) return name;
  }
  return "";
}

template <typename Value, size_t kSize>
absl::StatusOr<Value> ValueIn(const std::array<std::pair<Value, std::string_view>, kSize>& table,
                              const std::string& field, const std::string& text) {
  for (const auto& [value, name] : table) {
    if (name == text) return value;
  }
  return absl::InvalidArgumentError(absl::StrCat("the field ", field, " has an unknown word"));
}

std::string EncodeFiles(const std::vector<RunFile>& files) {
  std::vector<std::string> parts;
  for (const RunFile& file : files) {
    char mode[16];
    std::snprintf(mode, sizeof mode, "%04o", file.mode);
    parts.insert(parts.end(), {file.path, mode, file.content});
  }
  return EncodeList(parts);
}

absl::StatusOr<uint32_t> ParseMode(const std::string& text) {
  uint32_t mode = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7' || mode > 07777)
      return absl::InvalidArgumentError("a file's mode is not octal");
    mode = mode * 8 + static_cast<uint32_t>(digit - '0');
  }
  if (text.empty()) return absl::InvalidArgumentError("a file has no mode");
  return mode;
}

absl::StatusOr<std::vector<RunFile>> DecodeFiles(const Record& record) {
  PERIGEE_ASSIGN_OR_RETURN(std::vector<std::string> parts, ListField(record, kFiles));
  if (parts.size() % kFileParts != 0) {
    return absl::InvalidArgumentError("the field files is not a list of path, mode and content");
  }
  std::vector<RunFile> files;
  for (size_t i = 0; i < parts.size(); i += kFileParts) {
    PERIGEE_ASSIGN_OR_RETURN(const uint32_t mode, ParseMode(parts[i + 1]));
    files.push_back({std::move(parts[i]), mode, std::move(parts[i + 2])});
  }
  return files;
}

absl::Status DecodeNumbers(const Record& record, Run& run) {
  PERIGEE_ASSIGN_OR_RETURN(const int64_t budget, NumberField(record, "log_budget", 0));
  if (budget < 0) return absl::InvalidArgumentError("the field log_budget is negative");
  run.log_budget = static_cast<uint64_t>(budget);
  PERIGEE_ASSIGN_OR_RETURN(run.limits.memory_bytes, NumberField(record, "memory_bytes", 0));
  PERIGEE_ASSIGN_OR_RETURN(run.limits.cpu_millis, NumberField(record, "cpu_millis", 0));
  PERIGEE_ASSIGN_OR_RETURN(run.limits.pids, NumberField(record, "pids", 0));
  PERIGEE_ASSIGN_OR_RETURN(const int64_t signal, NumberField(record, "stop_signal", run.stop_signal));
  if (signal < 0 || signal > std::numeric_limits<int>::max()) {
    return absl::InvalidArgumentError("the field stop_signal is not a signal's number");
  }
  run.stop_signal = static_cast<int>(signal);
  PERIGEE_ASSIGN_OR_RETURN(const int64_t grace,
                           NumberField(record, "grace_ms", absl::ToInt64Milliseconds(run.grace)));
  run.grace = absl::Milliseconds(grace);
  return absl::OkStatus();
}

absl::StatusOr<Confinement> DecodeConfinement(const Record& record) {
  Confinement confinement;
  PERIGEE_ASSIGN_OR_RETURN(confinement.uid, NumberField(record, "uid", -1));
  PERIGEE_ASSIGN_OR_RETURN(confinement.gid, NumberField(record, "gid", -1));
  PERIGEE_ASSIGN_OR_RETURN(confinement.log_uid, NumberField(record, "log_uid", -1));
  PERIGEE_ASSIGN_OR_RETURN(confinement.log_gid, NumberField(record, "log_gid", -1));
  PERIGEE_ASSIGN_OR_RETURN(confinement.cgroups, ListField(record, "cgroups"));
  confinement.oom_file = TextField(record, "oom_file");
  confinement.own_workdir = FlagField(record, "own_workdir");
  return confinement;
}

void PutIdentity(Record& record, const std::string& who, const ProcessIdentity& identity) {
  PutNumber(record, who + "_pid", identity.pid);
  record[who + "_start_ticks"] = std::to_string(identity.start_ticks);
}

absl::StatusOr<ProcessIdentity> IdentityField(const Record& record, const std::string& who) {
  PERIGEE_ASSIGN_OR_RETURN(const int64_t pid, NumberField(record, who + "_pid", 0));
  PERIGEE_ASSIGN_OR_RETURN(const int64_t ticks, NumberField(record, who + "_start_ticks", 0));
  if (pid < 0 || pid > std::numeric_limits<pid_t>::max()) {
    return absl::InvalidArgumentError("a process id is out of range");
  }
  return ProcessIdentity{TextField(record, "boot_id"), static_cast<pid_t>(pid), static_cast<uint64_t>(ticks)};
}

absl::StatusOr<absl::Time> TimeField(const Record& record, const std::string& name) {
  PERIGEE_ASSIGN_OR_RETURN(const int64_t nanoseconds, NumberField(record, name, 0));
  return absl::FromUnixNanos(nanoseconds);
}

void PutExit(Record& record, const Exit& exit) {
  record["exit_kind"] = NameIn(kExitKinds, exit.kind);
  PutNumber(record, "exit_number", exit.number);
  record["exit_error"] = exit.error;
}

absl::StatusOr<Exit> DecodeExit(const Record& record) {
  Exit exit;
  PERIGEE_ASSIGN_OR_RETURN(exit.kind, ValueIn(kExitKinds, "exit_kind", TextField(record, "exit_kind")));
  PERIGEE_ASSIGN_OR_RETURN(const int64_t number, NumberField(record, "exit_number", 0));
  exit.number = static_cast<int>(number);
  exit.error = TextField(record, "exit_error");
  return exit;
}

}  // namespace

Record EncodeRun(const Run& run) {
  Record record;
  record["id"] = run.id;
  record["entry_sha256"] = run.entry_sha256;
  PutList(record, "command", run.command);
  PutList(record, kEnv, run.env);
  record[kFiles] = EncodeFiles(run.files);
  record["workdir"] = run.workdir;
  record["log_dir"] = run.log_dir;
  record["log_budget"] = std::to_string(run.log_budget);
  PutNumber(record, "memory_bytes", run.limits.memory_bytes);
  PutNumber(record, "cpu_millis", run.limits.cpu_millis);
  PutNumber(record, "pids", run.limits.pids);
  PutNumber(record, "stop_signal", run.stop_signal);
  PutNumber(record, "grace_ms", absl::ToInt64Milliseconds(run.grace));
  record["lease"] = EncodeLease(run.lease);
  return record;
}

absl::StatusOr<Run> DecodeRun(const Record& record) {
  Run run;
  run.id = TextField(record, "id");
  run.entry_sha256 = TextField(record, "entry_sha256");
  PERIGEE_ASSIGN_OR_RETURN(run.command, ListField(record, "command"));
  PERIGEE_ASSIGN_OR_RETURN(run.env, ListField(record, kEnv));
  PERIGEE_ASSIGN_OR_RETURN(run.files, DecodeFiles(record));
  run.workdir = TextField(record, "workdir");
  run.log_dir = TextField(record, "log_dir");
  PERIGEE_RETURN_IF_ERROR(DecodeNumbers(record, run));
  PERIGEE_ASSIGN_OR_RETURN(run.lease, DecodeLease(TextField(record, "lease")));
  return run;
}

SpecRecords EncodeSpec(const Spec& spec) {
  Record all = EncodeRun(spec.run);
  const Confinement& confinement = spec.confinement;
  PutNumber(all, "uid", confinement.uid);
  PutNumber(all, "gid", confinement.gid);
  PutNumber(all, "log_uid", confinement.log_uid);
  PutNumber(all, "log_gid", confinement.log_gid);
  PutList(all, "cgroups", confinement.cgroups);
  all["oom_file"] = confinement.oom_file;
  PutNumber(all, "own_workdir", confinement.own_workdir ? 1 : 0);
  SpecRecords records;
  for (const char* name : {kEnv, kFiles}) records.in_memory.insert(all.extract(name));
  records.on_disk = std::move(all);
  return records;
}

absl::StatusOr<Spec> DecodeSpec(const Record& record) {
  Spec spec;
  PERIGEE_ASSIGN_OR_RETURN(spec.run, DecodeRun(record));
  PERIGEE_ASSIGN_OR_RETURN(spec.confinement, DecodeConfinement(record));
  return spec;
}

std::string_view PhaseName(Phase phase) {
  return NameIn(kPhases, phase);
}

std::string Describe(const Exit& exit) {
  switch (exit.kind) {
    case Exit::Kind::kCode:
      return absl::StrCat("code ", exit.number);
    case Exit::Kind::kSignal:
      return absl::StrCat("signal ", exit.number);
    case Exit::Kind::kNotStarted:
    case Exit::Kind::kLost:
      break;
  }
  return exit.error;
}

Record EncodeState(const State& state) {
  Record record;
  record["id"] = state.id;
  record["entry_sha256"] = state.entry_sha256;
  record["boot_id"] = state.shim.boot_id;
  PutIdentity(record, "shim", state.shim);
  PutIdentity(record, "child", state.child);
  record["phase"] = PhaseName(state.phase);
  if (state.exit) PutExit(record, *state.exit);
  PutNumber(record, "started_at", absl::ToUnixNanos(state.started_at));
  PutNumber(record, "exited_at", absl::ToUnixNanos(state.exited_at));
  PutNumber(record, "oom", state.oom ? 1 : 0);
  PutNumber(record, "lease_expired", state.lease_expired ? 1 : 0);
  PutNumber(record, "log_dropped", static_cast<int64_t>(state.log_dropped));
  return record;
}

absl::StatusOr<State> DecodeState(const Record& record) {
  State state;
  state.id = TextField(record, "id");
  state.entry_sha256 = TextField(record, "entry_sha256");
  PERIGEE_ASSIGN_OR_RETURN(state.shim, IdentityField(record, "shim"));
  PERIGEE_ASSIGN_OR_RETURN(state.child, IdentityField(record, "child"));
  PERIGEE_ASSIGN_OR_RETURN(state.phase, ValueIn(kPhases, "phase", TextField(record, "phase")));
  if (state.phase == Phase::kExited) {
    PERIGEE_ASSIGN_OR_RETURN(state.exit, DecodeExit(record));
  }
  PERIGEE_ASSIGN_OR_RETURN(state.started_at, TimeField(record, "started_at"));
  PERIGEE_ASSIGN_OR_RETURN(state.exited_at, TimeField(record, "exited_at"));
  state.oom = FlagField(record, "oom");
  state.lease_expired = FlagField(record, "lease_expired");
  PERIGEE_ASSIGN_OR_RETURN(const int64_t dropped, NumberField(record, "log_dropped", 0));
  state.log_dropped = static_cast<uint64_t>(dropped);
  return state;
}

Record EncodeExec(const ExecRequest& request) {
  Record record;
  PutList(record, "command", request.command);
  PutList(record, kEnv, request.env);
  PutNumber(record, "timeout_ms", absl::ToInt64Milliseconds(request.timeout));
  return record;
}

absl::StatusOr<ExecRequest> DecodeExec(const Record& record) {
  ExecRequest request;
  PERIGEE_ASSIGN_OR_RETURN(request.command, ListField(record, "command"));
  PERIGEE_ASSIGN_OR_RETURN(request.env, ListField(record, kEnv));
  PERIGEE_ASSIGN_OR_RETURN(const int64_t timeout, NumberField(record, "timeout_ms", 0));
  request.timeout = absl::Milliseconds(timeout);
  return request;
}

Record EncodeOutcome(const ExecOutcome& outcome) {
  Record record;
  PutExit(record, outcome.exit);
  PutNumber(record, "timed_out", outcome.timed_out ? 1 : 0);
  return record;
}

absl::StatusOr<ExecOutcome> DecodeOutcome(const Record& record) {
  ExecOutcome outcome;
  PERIGEE_ASSIGN_OR_RETURN(outcome.exit, DecodeExit(record));
  outcome.timed_out = FlagField(record, "timed_out");
  return outcome;
}

void PutStatus(const absl::Status& status, Record& answer) {
  PutNumber(answer, "ok", status.ok() ? 1 : 0);
  if (status.ok()) return;
  PutNumber(answer, "code", static_cast<int>(status.code()));
  answer["message"] = std::string(status.message());
}

absl::Status StatusOfAnswer(const Record& answer) {
  if (FlagField(answer, "ok")) return absl::OkStatus();
  const auto code = NumberField(answer, "code", static_cast<int>(absl::StatusCode::kUnknown));
  const bool known = code.ok() && *code > 0 && *code <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  return absl::Status(known ? static_cast<absl::StatusCode>(*code) : absl::StatusCode::kUnknown,
                      TextField(answer, "message"));
}

std::string EncodeLease(const std::optional<absl::Duration>& lease) {
  return lease ? std::to_string(absl::ToInt64Nanoseconds(*lease)) : "none";
}

absl::StatusOr<std::optional<absl::Duration>> DecodeLease(std::string_view text) {
  if (text.empty() || text == "none") return std::optional<absl::Duration>();
  PERIGEE_ASSIGN_OR_RETURN(const int64_t nanoseconds,
                           NumberField({{"lease", std::string(text)}}, "lease", 0));
  if (nanoseconds < 0) return absl::InvalidArgumentError("the field lease is negative");
  return std::optional(absl::Nanoseconds(nanoseconds));
}

}  // namespace perigee::satellite
