// Running replicas: one interface, whatever runs them. `process` runs them as
// processes of this host through the launcher (process_runtime.h); FakeRuntime is
// the one for tests (fake_runtime.h). tests/conformance/satellite/runtime judges all.
//
// Invariants: a runtime restarts nothing and removes nothing by itself; a start is
// idempotent by (id, entry_sha256); what runs outlives this object, the agent and
// the launcher, and Adopt finds it again. Thread-safe; calls but Exec may block for seconds.
//
//   runtime->Listen({.changed = [&](const Observed& o) { executor.Post(...); }, .resync = ...});
//   PERIGEE_ASSIGN_OR_RETURN(Observed now, runtime->Start(run));
//   PERIGEE_RETURN_IF_ERROR(runtime->Stop(run.id));          // changed: phase kExited
//   PERIGEE_RETURN_IF_ERROR(runtime->Remove(run.id));        // now it may be started anew
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "satellite/launcher/protocol.h"
#include "satellite/shim/protocol.h"

namespace perigee::satellite {

using StartRequest = Run;

enum class RemoveMode { kWhenGone, kForce };

class Runtime {
 public:
  // Called from one thread of the runtime, one at a time; must not block or call the runtime (post instead).
  struct Listener {
    // Its state changed (usage is not filled in). Also when an answer showed the change already.
    std::function<void(const Observed&)> changed;
    std::function<void()> resync;  // changes may have been missed: call Adopt
  };

  virtual ~Runtime() = default;

  // Once, before the first call. Later changes of listeners are not possible.
  virtual void Listen(Listener listener) = 0;

  // The replica as it stands after the start: kRunning, or kExited with Exit::Kind::kNotStarted when
  // its program could not be run, or kStarting when that takes longer (a change follows). A replica
  // with this id and entry_sha256 that is there, running or exited, is returned as it is.
  // ALREADY_EXISTS: it is there from another entry. INVALID_ARGUMENT: refused. UNAVAILABLE: no
  // launcher now; whether it was started is unknown: Adopt tells.
  virtual absl::StatusOr<Observed> Start(const StartRequest& request) = 0;
  // To the replica's process; SIGKILL to all that it started. NOT_FOUND, FAILED_PRECONDITION (exited).
  virtual absl::Status Signal(const std::string& id, int signal) = 0;
  // Its stop signal now and, without anybody's further doing, SIGKILL after its grace.
  virtual absl::Status Stop(const std::string& id) = 0;
  // All replicas there are, running and exited, sorted by id.
  virtual absl::StatusOr<std::vector<Observed>> Adopt() = 0;
  // Limits and lease of a running replica. NOT_FOUND, FAILED_PRECONDITION (exited, or its lease has expired).
  virtual absl::Status Limit(const std::string& id, const LimitChange& change) = 0;
  // Forgets an exited replica and ends what it left behind; kForce: kills it first. OK when there is none.
  // DEADLINE_EXCEEDED: killed, and not ended yet (a disk or a mount is stuck): ask again.
  virtual absl::Status Remove(const std::string& id, RemoveMode mode) = 0;
  // A command beside the replica's process, confined as it is (ExecRequest). `done` is called once: inside this call
  // or later on a thread of the runtime, so it must not block or call the runtime. It may come late: who cannot wait
  // has a deadline of its own. NOT_FOUND, FAILED_PRECONDITION (exited), INVALID_ARGUMENT, RESOURCE_EXHAUSTED (too many
  // at once), UNIMPLEMENTED (the runtime cannot, or its shim or the launcher is of a release before this). Does not block.
  using ExecDone = std::function<void(absl::StatusOr<ExecOutcome>)>;
  virtual void Exec(const std::string& /*id*/, const ExecRequest& /*request*/, ExecDone done) {
    done(absl::UnimplementedError("this runtime runs no commands beside a replica's process"));
  }
  absl::Status Remove(const std::string& id) { return Remove(id, RemoveMode::kWhenGone); }
};

}  // namespace perigee::satellite
