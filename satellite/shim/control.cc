// What a shim can be asked over its control socket.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "satellite/shim/fields.h"
#include "satellite/shim/shim.h"
#include "shared/base/clock.h"
#include "shared/base/status.h"

namespace perigee::satellite {

Record Shim::Answer(const Record& request) {
  const absl::Status done = Carry(TextField(request, "op"), request);
  state_.log_dropped = log_.dropped_bytes();
  Record answer = done.ok() ? EncodeState(state_) : Record();
  PutStatus(done, answer);
  return answer;
}

absl::Status Shim::Carry(const std::string& op, const Record& request) {
  if (op == control::kStatus) return absl::OkStatus();
  if (op == control::kShutdown) return BeginShutdown(FlagField(request, "force"));
  if (op != control::kSignal && op != control::kStop && op != control::kLease) {
    return absl::UnimplementedError(absl::StrCat("this shim does not know the request ", op));
  }
  if (state_.phase == Phase::kExited) {
    return absl::FailedPreconditionError("the replica has exited: there is nothing left to ask of it");
  }
  if (op == control::kLease) return ChangeLease(request);
  if (op == control::kStop) {
    BeginStop();
    return absl::OkStatus();
  }
  PERIGEE_ASSIGN_OR_RETURN(const int64_t signal, NumberField(request, "signal", 0));
  if (signal < 1 || signal >= NSIG) return absl::InvalidArgumentError("signal: 1 to 64");
  return SendSignal(static_cast<int>(signal));
}

absl::Status Shim::SendSignal(int signal) {
  if (signal == SIGKILL) {
    KillEverything();
    return absl::OkStatus();
  }
  const auto process = OpenProcess(state_.child);
  if (!process.ok()) return absl::FailedPreconditionError("the replica has just exited");
  if (syscall(SYS_pidfd_send_signal, process->get(), signal, nullptr, 0) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("sending signal ", signal));
}

absl::Status Shim::ChangeLease(const Record& request) {
  PERIGEE_ASSIGN_OR_RETURN(const std::optional<absl::Duration> lease,
                           DecodeLease(TextField(request, "lease")));
  if (state_.lease_expired) {
    return absl::FailedPreconditionError(
        "the replica's lease has expired: it is being stopped, start it anew");
  }
  spec_.run.lease = lease;
  return absl::OkStatus();
}

absl::Status Shim::BeginShutdown(bool force) {
  if (state_.phase != Phase::kExited && !force) {
    return absl::FailedPreconditionError("the replica is running: stop it first");
  }
  shutting_down_ = true;
  KillEverything();
  OnChildren();
  return absl::OkStatus();
}

}  // namespace perigee::satellite
