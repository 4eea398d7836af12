// How the launcher learns what is there: at its beginning, and when something changes.
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "satellite/launcher/launcher.h"
#include "satellite/launcher/leftovers.h"
#include "satellite/shim/descendants.h"
#include "satellite/shim/oom_file.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/status.h"
#include "shared/base/unix_socket.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {
namespace {

// Others wait while one is waited for, and a lease may be about to end.
constexpr absl::Duration kEndPatience = absl::Seconds(1);
constexpr absl::Duration kAnswerPatience = absl::Seconds(1);
constexpr std::chrono::seconds kUntilKilled(5);  // from asking a shim to end
constexpr uint64_t kOomFileBytes = 4096;

// What a file says, or that it says nothing. False for errors that may be gone at the next look.
template <typename T>
bool Definite(const absl::StatusOr<T>& read) {
  return read.ok() || absl::IsNotFound(read.status()) || absl::IsInvalidArgument(read.status());
}

void Say(const std::string& id, std::string_view what) {
  std::fprintf(stderr, "perigee-launcher: replica %s: %.*s\n", id.c_str(), static_cast<int>(what.size()),
               what.data());
}

}  // namespace

absl::Status Launcher::CannotTell(const std::string& id) {
  return absl::UnavailableError(absl::StrCat("whether the shim of replica ", id,
                                             " lives cannot be seen, so nothing of it is touched: is the "
                                             "host out of descriptors or memory? Try again"));
}

absl::Status Launcher::AdoptAll() {
  // Not to see the replicas must not mean that there are none.
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> all,
                           ListDirectory(config_.runtime_dir + "/replicas"));
  for (const std::string& name : all) {
    if (IsReplicaId(name)) AdoptOne(name);
  }
  std::set<std::string> known = unclear_;
  for (const auto& [id, replica] : replicas_) known.insert(id);
  cgroups_.Sweep(known);
  return absl::OkStatus();
}

void Launcher::AdoptOne(const std::string& id) {
  const ReplicaDirectory directory = DirectoryOf(id);
  auto footing = directory.ReadFooting();
  const auto state = directory.ReadState();
  const Liveness shim = directory.ShimByLock();
  if (shim == Liveness::kUnknown || !Definite(footing) || !Definite(state)) {
    if (unclear_.insert(id).second) Say(id, "cannot be looked at now; left alone until it can");
    return;
  }
  const bool late = unclear_.erase(id) > 0;
  const bool lives = shim == Liveness::kAlive;
  const bool of_this_boot = footing.ok() && footing->id == id && footing->boot_id == boot_id_;
  // Without a footing nothing else was made; with one of an earlier boot, or without a state, nothing is left of it.
  if (!lives && (!of_this_boot || !state.ok())) {
    Say(id, "clearing away what an earlier start left");
    const absl::Status discarded = Discard(directory, footing.ok() ? *footing : Footing{});
    if (!discarded.ok()) Say(id, std::string(discarded.message()));
    return;
  }
  if (!footing.ok()) {
    Say(id, "its shim lives, but what the launcher wrote about it is gone; left alone");
    return;
  }
  Replica& replica = Track(directory, *std::move(footing));
  Refresh(replica);
  if (late) replica.told = false;
  Say(id, lives ? "adopted" : "its shim is gone");
}

void Launcher::AdoptUnclear() {
  for (const std::string& id : std::set<std::string>(unclear_)) AdoptOne(id);
}

Liveness Launcher::ShimOf(const Replica& replica) {
  if (replica.shim.valid()) return LivenessOf(replica.shim);
  return replica.state.shim.pid > 0 ? LivenessOf(replica.state.shim) : replica.directory.ShimByLock();
}

// One that hangs costs the others one wait, not one for each request.
absl::Status Launcher::AskShim(Replica& replica, const Record& request) {
  const auto owed = absl::UnavailableError(
      absl::StrCat("the shim of replica ", replica.footing.id,
                   " does not answer: is the disk of its log stuck? What runs is left alone; try again"));
  if (replica.unanswered.valid()) {
    pollfd wait{replica.unanswered.get(), POLLIN, 0};
    if (poll(&wait, 1, 0) <= 0) return owed;
    replica.unanswered = Fd();
  }
  PERIGEE_ASSIGN_OR_RETURN(Fd socket, replica.directory.BeginAsking(request, kAnswerPatience));
  const auto packet = ReceivePacket(socket.get(), kAnswerPatience);
  if (absl::IsDeadlineExceeded(packet.status())) {
    replica.unanswered = std::move(socket);
    return owed;
  }
  PERIGEE_RETURN_IF_ERROR(packet.status());
  PERIGEE_ASSIGN_OR_RETURN(const Record answer, DecodeRecord(*packet));
  return StatusOfAnswer(answer);
}

// The state as it is now, and the shim's end if that has come unseen.
void Launcher::Refresh(Replica& replica) {
  std::erase_if(replica.ending, [](const Fd& process) { return LivenessOf(process) == Liveness::kGone; });
  auto state = replica.directory.ReadState();
  if (state.ok() && !(*state == replica.state)) {
    const bool reported_only =
        state->phase == replica.state.phase && state->lease_expired == replica.state.lease_expired;
    if (!reported_only) replica.told = false;
    replica.state = *std::move(state);
  }
  if (replica.state.shim.pid == 0) replica.state.shim = FindShim(replica.directory.path());
  if (!replica.shim.valid()) {
    if (auto handle = OpenProcess(replica.state.shim); handle.ok()) replica.shim = *std::move(handle);
  }
  // What cannot be seen is looked for again: to be wrong here ends a healthy replica.
  if (ShimOf(replica) != Liveness::kGone) return;
  if (replica.state.phase == Phase::kExited) {
    replica.shim = Fd();
    return;
  }
  // It may have ended after writing how its process did.
  auto last = replica.directory.ReadState();
  if (!Definite(last)) return;
  replica.shim = Fd();
  if (last.ok() && last->phase == Phase::kExited) {
    replica.state = *std::move(last);
    replica.told = false;
    return;
  }
  Settle(replica);
}

// A shim that died leaves its process without anybody to read its output or its exit. It cannot be
// adopted; it is ended, and that is told as what it is.
void Launcher::Settle(Replica& replica) {
  const absl::Status ended = EndLeftovers(replica.footing.cgroups, replica.state.child, kEndPatience);
  if (!ended.ok()) Say(replica.footing.id, std::string(ended.message()));
  State& state = replica.state;
  const bool began = state.child.pid > 0;
  state.exit = Exit{began ? Exit::Kind::kLost : Exit::Kind::kNotStarted, 0,
                    "the replica's shim was killed or could not begin: see the launcher's output"};
  state.phase = Phase::kExited;
  state.exited_at = SystemClock().Now();
  const auto oom = ReadFile(replica.footing.cgroups.oom_file, kOomFileBytes);
  state.oom = oom.ok() && CountOomKills(*oom) > 0;
  replica.told = false;
  const absl::Status written = replica.directory.WriteState(state);
  if (!written.ok()) Say(replica.footing.id, std::string(written.message()));
}

absl::Status Launcher::EndShim(Replica& replica, absl::Duration patience) {
  if (replica.state.shim.pid == 0) replica.state.shim = FindShim(replica.directory.path());
  const Liveness shim = ShimOf(replica);
  if (shim == Liveness::kUnknown) return CannotTell(replica.footing.id);
  if (shim == Liveness::kGone) return absl::OkStatus();
  if (replica.state.shim.pid == 0) {
    return absl::UnavailableError("the replica's shim has only just been started: try again");
  }
  const auto now = std::chrono::steady_clock::now();
  if (!replica.kill_at.has_value()) {
    auto asked =
        replica.directory.BeginAsking({{"op", control::kShutdown}, {"force", "1"}}, absl::ZeroDuration());
    replica.kill_at = asked.ok() ? now + kUntilKilled : now;
    if (asked.ok()) replica.asked_to_end = *std::move(asked);
  }
  if (now >= *replica.kill_at) {
    Say(replica.footing.id, "its shim does not end when asked: killed");
    KillAll({replica.state.shim});
    replica.kill_at = std::chrono::steady_clock::time_point::max();
  }
  if (!replica.shim.valid()) {
    auto handle = OpenProcess(replica.state.shim);
    if (absl::IsNotFound(handle.status())) return absl::OkStatus();
    PERIGEE_ASSIGN_OR_RETURN(replica.shim, std::move(handle));
  }
  pollfd wait{replica.shim.get(), POLLIN, 0};
  if (poll(&wait, 1, PollTimeout(patience)) > 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("the shim of replica ", replica.footing.id,
                   " has not ended yet: try again; if it stays, is a disk or a mount stuck?"));
}

absl::Status Launcher::Discard(const ReplicaDirectory& directory, const Footing& footing) const {
  const auto state = directory.ReadState();
  const ProcessIdentity child = state.ok() ? state->child : ProcessIdentity();
  PERIGEE_RETURN_IF_ERROR(EndLeftovers(footing.cgroups, child, kEndPatience));
  PERIGEE_RETURN_IF_ERROR(Cgroups::RemoveEmpty(footing.cgroups));
  const std::string id = directory.path().substr(directory.path().rfind('/') + 1);
  PERIGEE_RETURN_IF_ERROR(RemoveTree(WorkdirOf(id)));
  PERIGEE_FAILPOINT("launcher.remove.before_directory");
  return RemoveTree(directory.path());
}

void Launcher::ReadWatches() {
  char events[16 << 10];
  while (read(inotify_.get(), events, sizeof events) > 0) {
  }
}

std::vector<int> Launcher::WatchDescriptors() const {
  std::vector<int> descriptors = {inotify_.get()};
  for (const auto& [id, replica] : replicas_) {
    if (replica.shim.valid()) descriptors.push_back(replica.shim.get());
    for (const Fd& process : replica.ending) descriptors.push_back(process.get());
  }
  return descriptors;
}

std::vector<Observed> Launcher::TakeChanges() {
  ReadWatches();
  AdoptUnclear();
  std::vector<Observed> changes;
  for (auto& [id, replica] : replicas_) {
    Refresh(replica);
    if (replica.told) continue;
    replica.told = true;
    changes.push_back(ObservedOf(replica));
  }
  return changes;
}

}  // namespace perigee::satellite
