#include "satellite/shim/shim.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "satellite/shim/descendants.h"
#include "satellite/shim/fields.h"
#include "satellite/shim/oom_file.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/base/unix_socket.h"

namespace perigee::satellite {
namespace {

constexpr absl::Duration kRetry = absl::Milliseconds(200);
constexpr uint64_t kOomFileBytes = 4096;
constexpr size_t kReadBytes = 16 << 10;
constexpr int kReadsAtTheEnd = 1024;  // more than a pipe can hold

absl::Duration SinceBoot() {
  return absl::FromChrono(SystemClock().SinceBoot());
}

uint64_t LogBudget(const Run& run) {
  return run.log_budget == 0 ? limits::kReplicaLogBytes : run.log_budget;
}

}  // namespace

Shim::Shim(std::string directory, Spec spec, Fd lock)
    : directory_(std::move(directory)),
      spec_(std::move(spec)),
      lock_(std::move(lock)),
      log_({.directory = spec_.run.log_dir,
            .budget = LogBudget(spec_.run),
            .uid = spec_.confinement.log_uid,
            .gid = spec_.confinement.log_gid}) {
  state_.id = spec_.run.id;
  state_.entry_sha256 = spec_.run.entry_sha256;
}

absl::Status Shim::Begin() {
  BecomeReaper();
  PERIGEE_ASSIGN_OR_RETURN(state_.shim, IdentityOf(getpid()));
  PERIGEE_FAILPOINT("shim.start.before_state");
  PERIGEE_RETURN_IF_ERROR(
      WriteRuntimeFile(directory_ + "/" + kStateFile, EncodeRecord(EncodeState(state_)), 0600));
  PERIGEE_ASSIGN_OR_RETURN(listener_, ListenUnix(directory_ + "/" + kControlSocket, 0600));
  timer_ = Fd(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer_.valid()) return ErrnoStatus(errno, "making a timer");
  oom_kills_before_ = OomKills();
  const absl::Status started = StartChild();
  if (!started.ok()) {
    child_.go = Fd();  // the process that waits for it ends
    EndRun({Exit::Kind::kNotStarted, 0, std::string(started.message())});
  }
  ForgetSecrets();
  return absl::OkStatus();
}

void Shim::BecomeReaper() {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const Fd adjustment(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  (void)!write(adjustment.get(), "-999", 4);  // only where allowed
  // All signals wait, so that nothing but SIGKILL ends a shim; SIGCHLD is read from a descriptor.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  signal(SIGPIPE, SIG_IGN);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  signals_ = Fd(signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
}

absl::Status Shim::StartChild() {
  PERIGEE_ASSIGN_OR_RETURN(child_, ForkChild(spec_, directory_));
  state_.child = child_.identity;
  state_.started_at = SystemClock().Now();
  PERIGEE_FAILPOINT("shim.start.after_fork");
  PERIGEE_RETURN_IF_ERROR(
      WriteRuntimeFile(directory_ + "/" + kStateFile, EncodeRecord(EncodeState(state_)), 0600));
  std::optional<Exit> failed = LetExec(child_);
  if (failed) {
    EndRun(*std::move(failed));
    return absl::OkStatus();
  }
  state_.phase = Phase::kRunning;
  SaveState();
  return absl::OkStatus();
}

// The run has its copies; the shim, which lives as long, needs none.
void Shim::ForgetSecrets() {
  for (RunFile& file : spec_.run.files) explicit_bzero(file.content.data(), file.content.size());
  for (std::string& variable : spec_.run.env) explicit_bzero(variable.data(), variable.size());
  spec_.run.files.clear();
  spec_.run.env.clear();
  malloc_trim(0);
}

absl::Status Shim::Loop() {
  while (!Finished()) {
    ArmTimer();
    std::vector<pollfd> waits = {{signals_.get(), POLLIN, 0},
                                 {timer_.get(), POLLIN, 0},
                                 {listener_.get(), POLLIN, 0},
                                 {child_.out.get(), POLLIN, 0},  // ignored by poll when -1
                                 {child_.err.get(), POLLIN, 0}};
    const size_t fixed = waits.size();
    for (const Fd& connection : connections_) waits.push_back({connection.get(), POLLIN, 0});
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return ErrnoStatus(errno, "waiting");
    if (waits[3].revents != 0) OnOutput(LogStream::kStdout, child_.out);
    if (waits[4].revents != 0) OnOutput(LogStream::kStderr, child_.err);
    if (waits[0].revents != 0) OnChildren();
    if (waits[1].revents != 0) OnTime();
    for (size_t i = waits.size(); i-- > fixed;) {
      if (waits[i].revents != 0) OnRequest(i - fixed);
    }
    if (waits[2].revents != 0) OnConnection();
  }
  return absl::OkStatus();
}

bool Shim::Finished() const {
  return shutting_down_ && childless_;
}

void Shim::OnChildren() {
  signalfd_siginfo information[8];
  while (read(signals_.get(), information, sizeof information) > 0) {
  }
  while (true) {
    // Not reaped yet, so that its number is still its own.
    siginfo_t next{};
    if (waitid(P_ALL, 0, &next, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD) {
      childless_ = true;
      kill_at_.reset();
    }
    const pid_t pid = next.si_pid;
    if (pid <= 0) break;
    KillGroupOfExec(pid);
    int status = 0;
    waitpid(pid, &status, WNOHANG);
    if (EndExec(pid, status)) continue;
    if (pid != state_.child.pid || state_.phase == Phase::kExited) continue;
    EndRun(WIFSIGNALED(status) ? Exit{Exit::Kind::kSignal, WTERMSIG(status)}
                               : Exit{Exit::Kind::kCode, WEXITSTATUS(status)});
  }
  // Killing can have missed what was being forked.
  if (killing_ && !childless_) KillEverything();
}

// One piece, so that both streams come along in turn and requests are not starved. False: nothing is there now.
bool Shim::OnOutput(LogStream stream, Fd& pipe) {
  char buffer[kReadBytes];
  const ssize_t got = pipe.valid() ? read(pipe.get(), buffer, sizeof buffer) : -1;
  if (got > 0) {
    log_.Append(stream, std::string_view(buffer, static_cast<size_t>(got)), SystemClock().Now());
  } else if (pipe.valid() && (got == 0 || (errno != EAGAIN && errno != EINTR))) {
    log_.Finish(stream, SystemClock().Now());
    pipe = Fd();
  }
  state_.log_dropped = log_.dropped_bytes();
  return got > 0;
}

// What a process wrote last is worth more than a prompt end; but others may hold its pipes and write for ever.
void Shim::DrainOutput() {
  for (int i = 0; i < kReadsAtTheEnd; ++i) {
    const bool out = OnOutput(LogStream::kStdout, child_.out);
    const bool err = OnOutput(LogStream::kStderr, child_.err);
    if (!out && !err) return;
  }
}

void Shim::OnTime() {
  uint64_t times = 0;
  (void)!read(timer_.get(), &times, sizeof times);
  const absl::Duration now = SinceBoot();
  if (retry_at_ && *retry_at_ <= now) {
    retry_at_.reset();
    if (state_unsaved_) SaveState();
    if (killing_ && !childless_) KillEverything();
  }
  EndLateExecs(now);
  if (kill_at_ && *kill_at_ <= now) {
    kill_at_.reset();
    KillEverything();
  }
  const std::optional<absl::Duration>& lease = spec_.run.lease;
  if (lease && *lease <= now && state_.phase == Phase::kRunning && !state_.lease_expired) {
    state_.lease_expired = true;
    log_.Note("stopped: its lease has passed without an answer from the control plane", SystemClock().Now());
    SaveState();
    BeginStop();
  }
}

void Shim::OnConnection() {
  auto connection = AcceptUnix(listener_.get(), spare_);
  if (!connection.ok()) return;
  const auto peer = PeerOf(connection->get());
  if (!peer.ok() || (peer->uid != 0 && peer->uid != geteuid())) return;
  constexpr size_t kMostConnections = 8;
  if (connections_.size() >= kMostConnections) connections_.erase(connections_.begin());
  connections_.push_back(*std::move(connection));
}

void Shim::OnRequest(size_t index) {
  const int socket = connections_[index].get();
  const auto packet = ReceivePacket(socket, absl::ZeroDuration());
  bool keep = false;
  if (packet.ok()) {
    const auto request = DecodeRecord(*packet);
    Record answer;
    if (request.ok() && TextField(*request, "op") == control::kExec) {
      const absl::Status begun = BeginExec(*request, connections_[index]);
      if (begun.ok()) {
        connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(index));
        return;
      }
      PutStatus(begun, answer);
    } else if (request.ok()) {
      answer = Answer(*request);
    } else {
      PutStatus(request.status(), answer);
    }
    keep = SendPacket(socket, EncodeRecord(answer), absl::ZeroDuration()).ok();
  }
  if (!keep) connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Shim::BeginStop() {
  if (kill_at_) return;  // a stop is on its way
  kill_at_ = SinceBoot() + spec_.run.grace;
  (void)SendSignal(spec_.run.stop_signal);
}

void Shim::KillEverything() {
  killing_ = true;
  for (const std::string& cgroup : spec_.confinement.cgroups) KillCgroup(cgroup);
  KillAll(DescendantsOf(getpid()));
  retry_at_ = SinceBoot() + kRetry;
}

void Shim::EndRun(Exit exit) {
  state_.exit = std::move(exit);
  state_.phase = Phase::kExited;
  state_.exited_at = SystemClock().Now();
  state_.oom = OomKills() > oom_kills_before_;
  KillExecs();
  DrainOutput();
  SaveState();
}

void Shim::SaveState() {
  absl::Status saved = PassFailpoint("shim.state.before_write");
  if (saved.ok()) {
    saved = WriteRuntimeFile(directory_ + "/" + kStateFile, EncodeRecord(EncodeState(state_)), 0600);
  }
  state_unsaved_ = !saved.ok();
  if (!state_unsaved_) return;
  retry_at_ = SinceBoot() + kRetry;
  // Nobody can ask any more, and there is nothing left to keep running.
  if (state_.phase == Phase::kExited && !FileExists(directory_)) (void)BeginShutdown(false);
}

int64_t Shim::OomKills() const {
  if (spec_.confinement.oom_file.empty()) return 0;
  const auto text = ReadFile(spec_.confinement.oom_file, kOomFileBytes);
  return text.ok() ? CountOomKills(*text) : 0;
}

absl::Duration Shim::NextMoment() const {
  absl::Duration next = absl::InfiniteDuration();
  if (kill_at_) next = std::min(next, *kill_at_);
  if (retry_at_) next = std::min(next, *retry_at_);
  for (const Execution& execution : executions_) {
    if (execution.asker.valid()) next = std::min(next, execution.kill_at);
  }
  const bool leased = spec_.run.lease && state_.phase == Phase::kRunning && !state_.lease_expired;
  return leased ? std::min(next, *spec_.run.lease) : next;
}

void Shim::ArmTimer() {
  const absl::Duration next = NextMoment();
  itimerspec setting{};
  if (next != absl::InfiniteDuration()) {
    setting.it_value = absl::ToTimespec(std::max(next, absl::Nanoseconds(1)));  // zero would disarm
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
}

}  // namespace perigee::satellite
