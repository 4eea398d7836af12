// Commands that run beside the process, as probes do: started on request, and answered when they have ended. The loop
// waits for none of them.
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "satellite/shim/shim.h"
#include "shared/base/clock.h"
#include "shared/base/status.h"
#include "shared/base/unix_socket.h"

namespace perigee::satellite {
namespace {

// The group is there once it has made its session.
void KillGroup(pid_t pid) {
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
}

// Whoever does not take its answer at once is not waited for.
void Tell(Fd& asker, const absl::StatusOr<ExecOutcome>& outcome) {
  if (!asker.valid()) return;
  Record answer = outcome.ok() ? EncodeOutcome(*outcome) : Record();
  PutStatus(outcome.status(), answer);
  (void)SendPacket(asker.get(), EncodeRecord(answer), absl::ZeroDuration());
  asker = Fd();
}

}  // namespace

absl::Status Shim::BeginExec(const Record& request, Fd& asker) {
  if (state_.phase != Phase::kRunning) {
    return absl::FailedPreconditionError("the replica does not run: there is nothing to run a command in");
  }
  if (executions_.size() >= kExecsAtOnce) {
    return absl::ResourceExhaustedError(absl::StrCat(
        kExecsAtOnce, " commands run in the replica already: ask again when one of them has ended"));
  }
  PERIGEE_ASSIGN_OR_RETURN(const ExecRequest asked, DecodeExec(request));
  PERIGEE_RETURN_IF_ERROR(ValidateExec(asked));
  PERIGEE_ASSIGN_OR_RETURN(Companion command, ForkCompanion(spec_, directory_, asked, state_.child.pid));
  executions_.push_back(
      {std::move(command), std::move(asker), absl::FromChrono(SystemClock().SinceBoot()) + asked.timeout});
  return absl::OkStatus();
}

// What a command has left in its group ends with it.
void Shim::KillGroupOfExec(pid_t pid) {
  for (const Execution& execution : executions_) {
    if (execution.command.pid == pid) KillGroup(pid);
  }
}

// False: it is none of the commands.
bool Shim::EndExec(pid_t pid, int status) {
  const auto found = std::find_if(executions_.begin(), executions_.end(),
                                  [&](const Execution& execution) { return execution.command.pid == pid; });
  if (found == executions_.end()) return false;
  ExecOutcome outcome;
  outcome.exit = WIFSIGNALED(status) ? Exit{Exit::Kind::kSignal, WTERMSIG(status)}
                                     : Exit{Exit::Kind::kCode, WEXITSTATUS(status)};
  if (auto failed = WhyNotRun(found->command)) outcome.exit = *std::move(failed);
  if (state_.phase == Phase::kRunning) {
    Tell(found->asker, outcome);
  } else {
    Tell(found->asker, absl::FailedPreconditionError("the replica has exited while the command ran"));
  }
  executions_.erase(found);
  return true;
}

// Told at once; its place is taken until it has really gone.
void Shim::EndLateExecs(absl::Duration now) {
  for (Execution& execution : executions_) {
    if (!execution.asker.valid() || execution.kill_at > now) continue;
    KillGroup(execution.command.pid);
    Tell(execution.asker, ExecOutcome{{Exit::Kind::kSignal, SIGKILL}, true});
  }
}

void Shim::KillExecs() {
  for (const Execution& execution : executions_) KillGroup(execution.command.pid);
}

}  // namespace perigee::satellite
