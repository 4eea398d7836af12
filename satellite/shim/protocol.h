// The shim's protocol: what the launcher hands to a shim, what the shim tells,
// and what it can be asked. One shim holds one run of one process: it captures
// its output, keeps its exit and its lease, restarts nothing, and outlives the
// launcher and the agent.
//
// FROZEN FROM THE FIRST RELEASE. Shims live for months under newer agents, so
// fields are only ever added, never renamed or given another meaning; readers
// ignore names they do not know, and a field that is missing has the default
// written here. tests/golden/shim-v1 holds bytes of this release.
//
// A shim is started with its replica directory as its only argument:
//   spec     Record, 0600: the run (below), written before the shim starts
//   fd 0     optionally a memory file with a Record whose fields are laid over
//            those of `spec`: what must never touch a disk (`env`, `files`)
//   fd 3     optionally an open description of `lock` that holds its flock; without
//            it the shim takes the lock itself. Held as long as the shim lives:
//            who can take it knows that no shim holds this directory.
//   state    Record, 0600, replaced as a whole on each change: see State
//   ctl      SOCK_SEQPACKET, 0600: see Control below
//   mnt      an empty directory, for the run's own tmpfs in its own mount namespace
//
//   Run run;
//   run.id = assignment_uid;
//   run.command = {"/usr/sbin/nginx", "-g", "daemon off;"};
//   run.log_dir = data_dir + "/logs/" + run.id;
//   PERIGEE_RETURN_IF_ERROR(ValidateRun(run));
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/base/process.h"
#include "shared/base/record.h"

namespace perigee::satellite {

// A file that the run sees at its absolute path. It lives in memory, in the run's
// own mount namespace; the host's file system is not touched. It belongs to the
// run's user. The nearest directory that the host has is laid over, so what the
// run writes beside its files is its own too, in memory, and ends with it.
struct RunFile {
  std::string path;      // absolute, normalised
  uint32_t mode = 0444;  // permission bits only
  std::string content;
  bool operator==(const RunFile&) const = default;
};

// 0: no limit.
struct ResourceLimits {
  int64_t memory_bytes = 0;
  int64_t cpu_millis = 0;  // thousandths of one processor
  int64_t pids = 0;
  bool operator==(const ResourceLimits&) const = default;
};

// What the agent asks for. Field of the record in the comment; numbers are decimal text.
struct Run {
  std::string id;  // id: [a-z0-9-]{1,64}; the replica's id, which is its assignment's uid
  std::string
      entry_sha256;  // entry_sha256: hex digest of the entry it comes from; told back, not looked into
  std::vector<std::string>
      command;  // command: list; [0] absolute or looked up in PATH of `env`, else the usual directories
  std::vector<std::string>
      env;                     // env: list of NAME=value, all that the run gets besides PERIGEE_REPLICA=<id>
  std::vector<RunFile> files;  // files: list, three elements each: path, mode (octal), content
  std::string
      workdir;  // workdir: absolute; empty: a directory of its own, made by the launcher and gone with the run
  std::string log_dir;      // log_dir: absolute; made when missing; `current` and `previous` in it
  uint64_t log_budget = 0;  // log_budget: bytes for both together; 0: limits::kReplicaLogBytes
  ResourceLimits limits;    // memory_bytes, cpu_millis, pids
  int stop_signal = 15;     // stop_signal: 1..64
  absl::Duration grace = absl::Seconds(10);  // grace_ms: from the stop signal to SIGKILL
  // lease: "none", or nanoseconds of CLOCK_BOOTTIME. When that moment passes the shim
  // stops the run by itself (stop signal, grace, SIGKILL) and tells lease_expired.
  std::optional<absl::Duration> lease;
  bool operator==(const Run&) const = default;
};

// What the launcher adds: as whom and where it runs.
struct Confinement {
  // uid, gid: to become before the program runs; -1: stay who the shim is.
  int64_t uid = -1;
  int64_t gid = -1;
  // log_uid, log_gid: as whom the log directory is used (the agent, whose directory it is); -1: as the shim.
  int64_t log_uid = -1;
  int64_t log_gid = -1;
  // cgroups: list of directories whose cgroup.procs the run joins.
  std::vector<std::string> cgroups;
  // oom_file: memory.events or memory.oom_control, whose line "oom_kill N" counts kills; empty: unknown.
  std::string oom_file;
  // own_workdir: 1 when `workdir` is there for this run alone; memory of limited size is mounted
  // on it where the run has a mount namespace.
  bool own_workdir = false;
  bool operator==(const Confinement&) const = default;
};

struct Spec {
  Run run;
  Confinement confinement;
  bool operator==(const Spec&) const = default;
};

// The two halves of a spec: the public one for the file, the private one for memory.
struct SpecRecords {
  Record on_disk;
  Record in_memory;
};
Record EncodeRun(const Run& run);
absl::StatusOr<Run> DecodeRun(const Record& record);
SpecRecords EncodeSpec(const Spec& spec);
absl::StatusOr<Spec> DecodeSpec(const Record& record);

// Everything that must hold for a run before anything is done for it. Trusts
// nobody: the launcher checks again what the control plane and the agent checked.
// INVALID_ARGUMENT names the field and what is allowed.
absl::Status ValidateRun(const Run& run);
absl::Status ValidateLimits(const ResourceLimits& limits);
bool IsReplicaId(std::string_view id);
// Absolute, no empty, "." or ".." components, no NUL, no end slash, at most PATH_MAX - 1 bytes.
bool IsNormalAbsolutePath(std::string_view path);

enum class Phase { kStarting, kRunning, kExited };
std::string_view PhaseName(Phase phase);

// How a run ended.
struct Exit {
  // exit_kind: "code", "signal", "not-started" (see error) or "lost" (the shim died, so nobody saw it end).
  enum class Kind { kCode, kSignal, kNotStarted, kLost };
  Kind kind = Kind::kCode;
  int number = 0;     // exit_number: the code, the signal, or errno of what failed
  std::string error;  // exit_error: for people; for kNotStarted and kLost
  bool operator==(const Exit&) const = default;
};
// "code 1", "signal 9", or the error.
std::string Describe(const Exit& exit);

// What the shim tells, in `state` and in the answers of `ctl`.
struct State {
  std::string id;                  // id
  std::string entry_sha256;        // entry_sha256
  ProcessIdentity shim;            // boot_id, shim_pid, shim_start_ticks
  ProcessIdentity child;           // boot_id, child_pid, child_start_ticks; pid 0: none yet
  Phase phase = Phase::kStarting;  // phase: starting, running, exited
  std::optional<Exit> exit;        // exit_kind, exit_number, exit_error; set when exited
  absl::Time started_at;           // started_at: nanoseconds since 1970, wall clock of the host; 0: not yet
  absl::Time exited_at;            // exited_at: likewise
  bool oom = false;                // oom: 1 when the kernel killed in the run's cgroup for memory
  bool lease_expired = false;      // lease_expired: 1 when the shim stopped it for that
  uint64_t log_dropped = 0;        // log_dropped: bytes of output that could not be written so far
  bool operator==(const State&) const = default;
};
Record EncodeState(const State& state);
absl::StatusOr<State> DecodeState(const Record& record);

// A command to run beside the process, in its mount namespace, cgroups and working directory, as its user and with
// its limits. Its output is dropped.
struct ExecRequest {
  std::vector<std::string> command;  // command: list, as of Run
  std::vector<std::string> env;      // env: list, all that it gets besides PERIGEE_REPLICA
  absl::Duration timeout;            // timeout_ms: then SIGKILL to its process group
  bool operator==(const ExecRequest&) const = default;
};
inline constexpr absl::Duration kLongestExec = absl::Hours(1);
inline constexpr size_t kExecsAtOnce = 4;  // in one replica
struct ExecOutcome {
  Exit exit;               // exit_kind (code, signal, not-started), exit_number, exit_error
  bool timed_out = false;  // timed_out: 1 when it was killed for its timeout
  bool operator==(const ExecOutcome&) const = default;
};
Record EncodeExec(const ExecRequest& request);
absl::StatusOr<ExecRequest> DecodeExec(const Record& record);
absl::Status ValidateExec(const ExecRequest& request);
Record EncodeOutcome(const ExecOutcome& outcome);
absl::StatusOr<ExecOutcome> DecodeOutcome(const Record& record);

// Control: one Record asks, one Record answers. Only root and the shim's own user are heard.
//   op=status                            the state
//   op=signal, signal=N                  to the process; SIGKILL to all that it left as well
//   op=stop                              the stop signal now, SIGKILL to all after the grace
//   op=lease, lease=none|N               a new lease, which takes the place of the old
//   op=exec, command, env, timeout_ms    runs a command beside the process, answers when it has ended, and
//                                        closes; kExecsAtOnce at a time, else RESOURCE_EXHAUSTED
//   op=shutdown [, force=1]              kills what is left and ends the shim; without force only
//                                        when the process has exited
// Answers: ok=1 and the fields of State (exec: of ExecOutcome); or ok=0, code=<gRPC's number>, message=<text>.
// signal, stop, lease and exec of an exited run and lease of an expired one: FAILED_PRECONDITION.
namespace control {
inline constexpr char kStatus[] = "status";
inline constexpr char kSignal[] = "signal";
inline constexpr char kStop[] = "stop";
inline constexpr char kLease[] = "lease";
inline constexpr char kExec[] = "exec";
inline constexpr char kShutdown[] = "shutdown";
}  // namespace control

// Every record that answers: ok, code, message. What else an OK answer holds is the asker's matter.
void PutStatus(const absl::Status& status, Record& answer);
absl::Status StatusOfAnswer(const Record& answer);

// "none" or nanoseconds.
std::string EncodeLease(const std::optional<absl::Duration>& lease);
absl::StatusOr<std::optional<absl::Duration>> DecodeLease(std::string_view text);

// Names of the files of a replica directory.
inline constexpr char kSpecFile[] = "spec";
inline constexpr char kStateFile[] = "state";
inline constexpr char kLockFile[] = "lock";
inline constexpr char kControlSocket[] = "ctl";
inline constexpr char kMountDirectory[] = "mnt";
inline constexpr int kLockDescriptor = 3;

}  // namespace perigee::satellite
