#include "satellite/launcher/server.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "satellite/launcher/protocol.h"
#include "satellite/shim/fields.h"
#include "shared/base/status.h"
#include "shared/base/unix_socket.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {
namespace {

constexpr size_t kMostConnections = 16;
constexpr size_t kMostExecutions = 64;
constexpr absl::Duration kSendTimeout = absl::Seconds(1);
constexpr size_t kMostRemovals = 64;  // that wait; further ones are told at once to try again
constexpr std::chrono::seconds kRemovalPatience(1);
constexpr absl::Duration kShimMargin = absl::Seconds(3);  // a shim answers when the command's time has passed

absl::Status CheckId(const std::string& id) {
  return IsReplicaId(id) ? absl::OkStatus() : absl::InvalidArgumentError("id: 1 to 64 of a-z, 0-9 and -");
}

// What the shim answered, for the asker.
Record OutcomeFrom(const Fd& shim, const std::string& seq) {
  const auto packet = ReceivePacket(shim.get(), absl::ZeroDuration());
  auto answer = packet.ok() ? DecodeRecord(*packet)
                            : absl::StatusOr<Record>(absl::UnavailableError(
                                  "the replica's shim gave no answer: it ended, or hangs"));
  Record told;
  if (answer.ok()) {
    told = *std::move(answer);
  } else {
    PutStatus(answer.status(), told);
  }
  told["seq"] = seq;
  return told;
}

absl::StatusOr<LimitChange> ChangeOf(const Record& request) {
  LimitChange change;
  const bool limits =
      request.contains("memory_bytes") || request.contains("cpu_millis") || request.contains("pids");
  if (limits) {
    // As a run with these limits: one place says what is allowed.
    PERIGEE_ASSIGN_OR_RETURN(const Run run, DecodeRun(request));
    PERIGEE_RETURN_IF_ERROR(ValidateLimits(run.limits));
    change.limits = run.limits;
  }
  if (request.contains("lease")) {
    PERIGEE_ASSIGN_OR_RETURN(const std::optional<absl::Duration> lease,
                             DecodeLease(TextField(request, "lease")));
    change.lease = lease;
  }
  return change;
}

absl::Status CarrySignal(Launcher& launcher, const std::string& id, const Record& request) {
  if (FlagField(request, "stop")) return launcher.Stop(id);
  PERIGEE_ASSIGN_OR_RETURN(const int64_t signal, NumberField(request, "signal", 0));
  if (signal < 1 || signal > 64) return absl::InvalidArgumentError("signal: 1 to 64");
  return launcher.Signal(id, static_cast<int>(signal));
}

}  // namespace

absl::Status LauncherServer::Listen() {
  const std::string path = config_.runtime_dir + "/" + kLauncherSocket;
  // The directory is ours (Launcher::Open), so whoever still seems to listen is what a crashed launcher had forked.
  PERIGEE_RETURN_IF_ERROR(RemoveFile(path));
  PERIGEE_ASSIGN_OR_RETURN(listener_, ListenUnix(path, 0600));
  if (geteuid() == 0 && config_.agent_uid > 0 &&
      lchown(path.c_str(), static_cast<uid_t>(config_.agent_uid), static_cast<gid_t>(-1)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("giving ", path, " to the agent's user"));
  }
  return absl::OkStatus();
}

absl::Status LauncherServer::Serve() {
  while (true) {
    std::vector<pollfd> waits = {{config_.stop, POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Connection& connection : connections_) waits.push_back({connection->get(), POLLIN, 0});
    const size_t executions = waits.size();
    for (const Execution& execution : executions_) waits.push_back({execution.shim.get(), POLLIN, 0});
    const size_t watches = waits.size();
    for (const int descriptor : launcher_.WatchDescriptors()) waits.push_back({descriptor, POLLIN, 0});
    if (poll(waits.data(), waits.size(), PollTimeout(UntilFirstDeadline())) < 0 && errno != EINTR)
      return ErrnoStatus(errno, "waiting");
    if (waits[0].revents != 0) return absl::OkStatus();
    EndExecs(&waits[executions]);
    GoOnRemoving();
    bool asked = false;
    for (size_t i = connections_.size(); i-- > 0;) {
      if (waits[2 + i].revents == 0) continue;
      asked = true;
      if (Handle(connections_[i])) continue;
      connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    bool changed = asked;
    for (size_t i = watches; i < waits.size(); ++i) changed = changed || waits[i].revents != 0;
    if (changed) TellChanges();
    if (waits[1].revents != 0) Accept();
  }
}

void LauncherServer::Accept() {
  auto connection = AcceptUnix(listener_.get(), spare_);
  if (!connection.ok()) return;
  const auto peer = PeerOf(connection->get());
  if (!peer.ok()) return;
  if (peer->uid != 0 && static_cast<int64_t>(peer->uid) != config_.agent_uid) {
    std::fprintf(
        stderr,
        "perigee-launcher: refused process %d of user %u: only the agent's user %lld and root are heard\n",
        peer->pid, peer->uid, static_cast<long long>(config_.agent_uid));
    return;
  }
  if (connections_.size() >= kMostConnections) connections_.erase(connections_.begin());
  connections_.push_back(std::make_shared<const Fd>(*std::move(connection)));
}

bool LauncherServer::Handle(const Connection& connection) {
  const auto packet = ReceivePacket(connection->get(), absl::ZeroDuration());
  if (!packet.ok()) return absl::IsDeadlineExceeded(packet.status());
  const auto request = DecodeRecord(*packet);
  std::optional<Record> answer;
  if (request.ok()) {
    answer = Answer(*request, connection);
  } else {
    PutStatus(request.status(), answer.emplace());
  }
  return !answer || SendPacket(connection->get(), EncodeRecord(*answer), kSendTimeout).ok();
}

absl::Status LauncherServer::BeginExec(const Record& request, const Connection& asker) {
  const std::string id = TextField(request, "id");
  PERIGEE_RETURN_IF_ERROR(CheckId(id));
  if (executions_.size() >= kMostExecutions) {
    return absl::ResourceExhaustedError(absl::StrCat(
        kMostExecutions, " commands run in replicas already: ask again when one of them has ended"));
  }
  PERIGEE_ASSIGN_OR_RETURN(const ExecRequest asked, DecodeExec(request));
  PERIGEE_ASSIGN_OR_RETURN(Fd shim, launcher_.BeginExec(id, asked));
  const auto deadline =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(asked.timeout + kShimMargin);
  executions_.push_back({std::move(shim), TextField(request, "seq"), asker, deadline});
  return absl::OkStatus();
}

void LauncherServer::EndExecs(const pollfd* waits) {
  const auto now = std::chrono::steady_clock::now();
  for (size_t i = executions_.size(); i-- > 0;) {
    const Execution& execution = executions_[i];
    const Connection asker = execution.asker.lock();
    if (asker != nullptr && waits[i].revents == 0 && now < execution.deadline) continue;
    // An asker that does not take it has a deadline of its own.
    if (asker != nullptr) {
      const Record answer = OutcomeFrom(execution.shim, execution.seq);
      (void)SendPacket(asker->get(), EncodeRecord(answer), absl::ZeroDuration());
    }
    executions_.erase(executions_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

absl::Duration LauncherServer::UntilFirstDeadline() const {
  absl::Duration first = absl::InfiniteDuration();
  const auto now = std::chrono::steady_clock::now();
  const auto note = [&](std::chrono::steady_clock::time_point deadline) {
    first = std::min(first, std::max(absl::FromChrono(deadline - now), absl::ZeroDuration()));
  };
  for (const Execution& execution : executions_) note(execution.deadline);
  for (const Removal& removal : removals_) note(removal.deadline);
  return first;
}

// Nothing when the answer comes later.
std::optional<Record> LauncherServer::Answer(const Record& request, const Connection& asker) {
  const std::string name = TextField(request, "verb");
  Record answer;
  absl::Status done;
  if (name == verb::kExec) {
    done = BeginExec(request, asker);
    if (done.ok()) return std::nullopt;
  } else if (name == verb::kRemove) {
    done = Remove(request);
    if (absl::IsDeadlineExceeded(done) && removals_.size() < kMostRemovals) {
      removals_.push_back({request, asker, std::chrono::steady_clock::now() + kRemovalPatience});
      return std::nullopt;
    }
  } else {
    done = Carry(request, answer);
  }
  if (!done.ok()) answer.clear();
  PutStatus(done, answer);
  answer["seq"] = TextField(request, "seq");
  return answer;
}

absl::Status LauncherServer::Remove(const Record& request) {
  const std::string id = TextField(request, "id");
  PERIGEE_RETURN_IF_ERROR(CheckId(id));
  return launcher_.Remove(id, FlagField(request, "force"));
}

void LauncherServer::GoOnRemoving() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(removals_, [&](const Removal& removal) {
    const Connection asker = removal.asker.lock();
    if (asker == nullptr) return true;
    const absl::Status done = Remove(removal.request);
    if (absl::IsDeadlineExceeded(done) && now < removal.deadline) return false;
    Record answer;
    PutStatus(done, answer);
    answer["seq"] = TextField(removal.request, "seq");
    (void)SendPacket(asker->get(), EncodeRecord(answer), absl::ZeroDuration());
    return true;
  });
}

absl::Status LauncherServer::Carry(const Record& request, Record& answer) {
  const std::string name = TextField(request, "verb");
  const std::string id = TextField(request, "id");
  if (name == verb::kStart) {
    PERIGEE_ASSIGN_OR_RETURN(const Run run, DecodeRun(request));
    PERIGEE_ASSIGN_OR_RETURN(const Observed observed, launcher_.Start(run));
    answer = EncodeObserved(observed);
    return absl::OkStatus();
  }
  if (name == verb::kAdopt) {
    std::vector<std::string> replicas;
    for (const Observed& observed : launcher_.Adopt())
      replicas.push_back(EncodeRecord(EncodeObserved(observed)));
    PutList(answer, "replicas", replicas);
    return absl::OkStatus();
  }
  PERIGEE_RETURN_IF_ERROR(CheckId(id));
  if (name == verb::kSignal) return CarrySignal(launcher_, id, request);
  if (name == verb::kLimit) {
    PERIGEE_ASSIGN_OR_RETURN(const LimitChange change, ChangeOf(request));
    return launcher_.Limit(id, change);
  }
  return absl::UnimplementedError(absl::StrCat("this launcher does not know the verb ", name));
}

void LauncherServer::TellChanges() {
  for (const Observed& observed : launcher_.TakeChanges()) {
    Record event = EncodeObserved(observed);
    event["event"] = "changed";
    const std::string packet = EncodeRecord(event);
    std::erase_if(connections_, [&](const Connection& connection) {
      return !SendPacket(connection->get(), packet, absl::ZeroDuration()).ok();
    });
  }
}

}  // namespace perigee::satellite
