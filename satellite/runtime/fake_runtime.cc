#include "satellite/runtime/fake_runtime.h"

#include <signal.h>

#include <cerrno>

#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

// Default actions of signals that a plain program does not handle.
bool EndsProcess(int signal) {
  return signal != SIGCHLD && signal != SIGCONT && signal != SIGURG && signal != SIGWINCH &&
         signal != SIGSTOP && signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU;
}

}  // namespace

void FakeRuntime::Listen(Listener listener) {
  absl::MutexLock lock(&mutex_);
  listener_ = std::move(listener);
}

absl::Status FakeRuntime::Available() const {
  return unavailable_ ? absl::UnavailableError("the launcher does not answer: it was told not to")
                      : absl::OkStatus();
}

absl::StatusOr<Observed> FakeRuntime::Start(const StartRequest& request) {
  absl::StatusOr<Observed> started = Begin(request);
  if (started.ok() && started->phase == Phase::kExited) Tell(*started);
  return started;
}

absl::StatusOr<Observed> FakeRuntime::Begin(const StartRequest& request) {
  absl::MutexLock lock(&mutex_);
  calls_.push_back("start " + request.id);
  PERIGEE_RETURN_IF_ERROR(ValidateRun(request));
  PERIGEE_RETURN_IF_ERROR(Available());
  if (const auto present = replicas_.find(request.id); present != replicas_.end()) {
    if (present->second.request.entry_sha256 == request.entry_sha256) return present->second.observed;
    return absl::AlreadyExistsError(absl::StrCat("replica ", request.id, " is there from another entry"));
  }
  ++starts_[request.id];
  requests_[request.id] = request;
  Replica replica{request, {}, std::nullopt};
  Observed& observed = replica.observed;
  observed.id = request.id;
  observed.entry_sha256 = request.entry_sha256;
  observed.pid = next_pid_++;
  observed.run = absl::StrCat("fake-", observed.pid);
  observed.phase = Phase::kRunning;
  observed.started_at = clock_.Now();
  observed.missing = missing_;
  if (const auto failing = failing_programs_.find(request.command[0]); failing != failing_programs_.end()) {
    observed.phase = Phase::kExited;
    observed.exit =
        Exit{Exit::Kind::kNotStarted, failing->second, "program not found: " + request.command[0]};
    observed.exited_at = clock_.Now();
  }
  return replicas_.emplace(request.id, std::move(replica)).first->second.observed;
}

absl::StatusOr<FakeRuntime::Replica*> FakeRuntime::Running(const std::string& id) {
  PERIGEE_RETURN_IF_ERROR(Available());
  const auto found = replicas_.find(id);
  if (found == replicas_.end())
    return absl::NotFoundError(absl::StrCat("no replica ", id, " is on this host"));
  if (found->second.observed.phase == Phase::kExited) {
    return absl::FailedPreconditionError(absl::StrCat("replica ", id, " has exited"));
  }
  return &found->second;
}

void FakeRuntime::End(Replica& replica, Exit exit) {
  replica.observed.phase = Phase::kExited;
  replica.observed.exit = std::move(exit);
  replica.observed.exited_at = clock_.Now();
  replica.kill_at.reset();
}

void FakeRuntime::Tell(const Observed& observed) {
  std::function<void(const Observed&)> changed;
  {
    absl::MutexLock lock(&mutex_);
    changed = listener_.changed;
  }
  if (changed) changed(observed);
}

absl::Status FakeRuntime::Signal(const std::string& id, int signal) {
  Observed now;
  {
    absl::MutexLock lock(&mutex_);
    calls_.push_back(absl::StrCat("signal ", id, " ", signal));
    PERIGEE_ASSIGN_OR_RETURN(Replica * replica, Running(id));
    if (signal < 1 || signal > 64) return absl::InvalidArgumentError("signal: 1 to 64");
    const bool ignored = signal != SIGKILL && ignoring_stop_.contains(id);
    if (ignored || !EndsProcess(signal)) return absl::OkStatus();
    End(*replica, {Exit::Kind::kSignal, signal});
    now = replica->observed;
  }
  Tell(now);
  return absl::OkStatus();
}

absl::Status FakeRuntime::Stop(const std::string& id) {
  Observed now;
  {
    absl::MutexLock lock(&mutex_);
    calls_.push_back("stop " + id);
    PERIGEE_ASSIGN_OR_RETURN(Replica * replica, Running(id));
    if (ignoring_stop_.contains(id)) {
      if (!replica->kill_at) replica->kill_at = absl::FromChrono(clock_.SinceBoot()) + replica->request.grace;
      return absl::OkStatus();
    }
    End(*replica, {Exit::Kind::kSignal, replica->request.stop_signal});
    now = replica->observed;
  }
  Tell(now);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Observed>> FakeRuntime::Adopt() {
  absl::MutexLock lock(&mutex_);
  PERIGEE_RETURN_IF_ERROR(Available());
  std::vector<Observed> all;
  for (const auto& [id, replica] : replicas_) all.push_back(replica.observed);
  return all;
}

absl::Status FakeRuntime::Limit(const std::string& id, const LimitChange& change) {
  absl::MutexLock lock(&mutex_);
  calls_.push_back("limit " + id);
  PERIGEE_ASSIGN_OR_RETURN(Replica * replica, Running(id));
  if (change.limits) PERIGEE_RETURN_IF_ERROR(ValidateLimits(*change.limits));
  if (change.lease && replica->observed.lease_expired) {
    return absl::FailedPreconditionError("the replica's lease has expired");
  }
  if (change.limits) replica->request.limits = *change.limits;
  if (change.lease) replica->request.lease = *change.lease;
  return absl::OkStatus();
}

absl::Status FakeRuntime::Remove(const std::string& id, RemoveMode mode) {
  absl::MutexLock lock(&mutex_);
  calls_.push_back("remove " + id);
  PERIGEE_RETURN_IF_ERROR(Available());
  const auto found = replicas_.find(id);
  if (found == replicas_.end()) return absl::OkStatus();
  if (found->second.observed.phase != Phase::kExited && mode == RemoveMode::kWhenGone) {
    return absl::FailedPreconditionError(
        absl::StrCat("replica ", id, " is running: stop it before it is removed"));
  }
  replicas_.erase(found);
  return absl::OkStatus();
}

void FakeRuntime::Exec(const std::string& id, const ExecRequest& request, ExecDone done) {
  done(OutcomeOf(id, request));
}

absl::StatusOr<ExecOutcome> FakeRuntime::OutcomeOf(const std::string& id, const ExecRequest& request) {
  absl::MutexLock lock(&mutex_);
  PERIGEE_RETURN_IF_ERROR(ValidateExec(request));
  PERIGEE_RETURN_IF_ERROR(Running(id).status());
  execs_[id].push_back(request);
  const auto answer = exec_answers_.find(request.command);
  if (answer != exec_answers_.end()) return answer->second;
  const auto failing = failing_programs_.find(request.command[0]);
  if (failing == failing_programs_.end()) return ExecOutcome();
  return ExecOutcome{{Exit::Kind::kNotStarted, failing->second, "program not found: " + request.command[0]}};
}

void FakeRuntime::AnswerExec(std::vector<std::string> command, absl::StatusOr<ExecOutcome> outcome) {
  absl::MutexLock lock(&mutex_);
  exec_answers_.insert_or_assign(std::move(command), std::move(outcome));
}

ExecRequest FakeRuntime::LastExec(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = execs_.find(id);
  return found == execs_.end() ? ExecRequest() : found->second.back();
}

int FakeRuntime::execs(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = execs_.find(id);
  return found == execs_.end() ? 0 : static_cast<int>(found->second.size());
}

void FakeRuntime::Exits(const std::string& id, Exit exit) {
  Observed now;
  {
    absl::MutexLock lock(&mutex_);
    const auto replica = Running(id);
    PERIGEE_ASSERT(replica.ok());
    End(**replica, std::move(exit));
    now = (*replica)->observed;
  }
  Tell(now);
}

void FakeRuntime::KilledForMemory(const std::string& id) {
  {
    absl::MutexLock lock(&mutex_);
    const auto replica = Running(id);
    PERIGEE_ASSERT(replica.ok());
    (*replica)->observed.oom = true;
  }
  Exits(id, {Exit::Kind::kSignal, SIGKILL});
}

void FakeRuntime::ExpireLeases() {
  std::vector<Observed> changed;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration now = absl::FromChrono(clock_.SinceBoot());
    for (auto& [id, replica] : replicas_) {
      const bool passed = replica.request.lease && *replica.request.lease <= now;
      if (!passed || replica.observed.phase == Phase::kExited || replica.observed.lease_expired) continue;
      replica.observed.lease_expired = true;
      if (ignoring_stop_.contains(id)) {
        replica.kill_at = now + replica.request.grace;
      } else {
        End(replica, {Exit::Kind::kSignal, replica.request.stop_signal});
      }
      changed.push_back(replica.observed);
    }
  }
  for (const Observed& observed : changed) Tell(observed);
}

void FakeRuntime::EndGraces() {
  std::vector<Observed> changed;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration now = absl::FromChrono(clock_.SinceBoot());
    for (auto& [id, replica] : replicas_) {
      if (!replica.kill_at || *replica.kill_at > now) continue;
      End(replica, {Exit::Kind::kSignal, SIGKILL});
      changed.push_back(replica.observed);
    }
  }
  for (const Observed& observed : changed) Tell(observed);
}

void FakeRuntime::Vanish(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  replicas_.erase(id);
}

void FakeRuntime::Resync() {
  std::function<void()> resync;
  {
    absl::MutexLock lock(&mutex_);
    resync = listener_.resync;
  }
  if (resync) resync();
}

void FakeRuntime::IgnoreStop(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  ignoring_stop_.insert(id);
}

void FakeRuntime::FailToStart(const std::string& program, int error) {
  absl::MutexLock lock(&mutex_);
  failing_programs_[program] = error;
}

void FakeRuntime::SetMissing(std::vector<std::string> missing) {
  absl::MutexLock lock(&mutex_);
  missing_ = std::move(missing);
}

void FakeRuntime::SetUnavailable(bool unavailable) {
  absl::MutexLock lock(&mutex_);
  unavailable_ = unavailable;
}

int FakeRuntime::starts(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = starts_.find(id);
  return found == starts_.end() ? 0 : found->second;
}

StartRequest FakeRuntime::LastRequest(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = requests_.find(id);
  return found == requests_.end() ? StartRequest() : found->second;
}

std::vector<std::string> FakeRuntime::calls() const {
  absl::MutexLock lock(&mutex_);
  return calls_;
}

}  // namespace perigee::satellite
