#include "satellite/launcher/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "satellite/launcher/leftovers.h"
#include "satellite/launcher/spawn.h"
#include "shared/base/failpoint.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {
namespace {

// How long a start waits for the program to run before it answers "starting".
constexpr absl::Duration kVerdictTimeout = absl::Seconds(2);
// And one that failed, for what it had begun to end again.
constexpr absl::Duration kEndPatience = absl::Seconds(1);
constexpr size_t kInstanceLength = 12;
constexpr uint64_t kUidMapBytes = 64 << 10;
constexpr int64_t kNobody = 65534;

absl::Status NoUserFor(const std::string& id) {
  return absl::FailedPreconditionError(absl::StrCat(
      "replica ", id,
      " would run as root or as the agent: this host has no users for replicas (--uid-range), and user ",
      kNobody,
      " is not there either or is the agent's: give --uid-range users that /proc/self/uid_map and gid_map "
      "hold, "
      "or run the launcher as an ordinary user"));
}

// Whether all of them can be become: what a user namespace does not map cannot.
bool Exist(const UidRange& range) {
  const auto users = ReadFile("/proc/self/uid_map", kUidMapBytes);
  const auto groups = ReadFile("/proc/self/gid_map", kUidMapBytes);
  return users.ok() && groups.ok() && IsMapped(range, *users) && IsMapped(range, *groups);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Launcher>> Launcher::Open(Config config) {
  if (!IsNormalAbsolutePath(config.runtime_dir) || config.runtime_dir == "/") {
    return absl::InvalidArgumentError("--runtime-dir: an absolute path without . and .., as /run/perigee");
  }
  std::unique_ptr<Launcher> launcher(new Launcher(std::move(config)));
  PERIGEE_RETURN_IF_ERROR(launcher->TakeRuntimeDirectory());
  PERIGEE_RETURN_IF_ERROR(launcher->AdoptAll());
  return launcher;
}

Launcher::~Launcher() {
  cgroups_.RemoveEmptyBases();
}

absl::Status Launcher::TakeRuntimeDirectory() {
  PERIGEE_ASSIGN_OR_RETURN(boot_id_, BootId());
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(config_.runtime_dir, 0711));
  struct stat found;
  if (stat(config_.runtime_dir.c_str(), &found) != 0) {
    return ErrnoStatus(errno, absl::StrCat("looking at ", config_.runtime_dir));
  }
  if (found.st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        absl::StrCat(config_.runtime_dir, " belongs to user ", found.st_uid,
                     ", who could change what is run: chown it to the launcher's user"));
  }
  const std::string lock = config_.runtime_dir + "/launcher.lock";
  lock_ = Fd(open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_.valid()) return ErrnoStatus(errno, absl::StrCat("opening ", lock));
  // Of this process alone: what it has forked and not yet executed must not hold it after a crash.
  struct flock whole{};
  whole.l_type = F_WRLCK;
  if (fcntl(lock_.get(), F_SETLK, &whole) != 0) {
    return absl::AlreadyExistsError(absl::StrCat("another launcher serves ", config_.runtime_dir,
                                                 ": stop it first, or name another --runtime-dir"));
  }
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(config_.runtime_dir + "/replicas", 0711));
  inotify_ = Fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify_.valid()) return ErrnoStatus(errno, "watching for changes of replicas");
  own_uids_ = geteuid() == 0 && config_.uids.count > 0 && Exist(config_.uids);
  const UidRange nobody{kNobody, 1};
  if (geteuid() == 0 && config_.agent_uid != kNobody && Exist(nobody)) shared_uid_ = kNobody;
  cgroups_ = Cgroups::Detect(
      {.root = config_.cgroup_root, .instance = Sha256Hex(config_.runtime_dir).substr(0, kInstanceLength)});
  return absl::OkStatus();
}

ReplicaDirectory Launcher::DirectoryOf(const std::string& id) const {
  return ReplicaDirectory(config_.runtime_dir + "/replicas/" + id);
}

Launcher::Replica& Launcher::Track(const ReplicaDirectory& directory, Footing footing) {
  Replica replica{directory, std::move(footing), {}, {}, -1, true};
  replica.state.id = replica.footing.id;
  replica.state.entry_sha256 = replica.footing.entry_sha256;
  // A state is replaced by renaming.
  replica.watch = inotify_add_watch(inotify_.get(), directory.path().c_str(), IN_MOVED_TO | IN_ONLYDIR);
  const std::string id = replica.footing.id;
  return replicas_.insert_or_assign(id, std::move(replica)).first->second;
}

std::set<int64_t> Launcher::UidsTaken() const {
  std::set<int64_t> taken;
  for (const auto& [id, replica] : replicas_) taken.insert(replica.footing.uid);
  return taken;
}

absl::StatusOr<Footing> Launcher::PlanFooting(const Run& run) {
  Footing footing{run.id, run.entry_sha256, boot_id_};
  footing.limits = run.limits;
  footing.cgroups = cgroups_.PlanFor(run.id);
  if (!own_uids_ && geteuid() == 0) {
    // Without capabilities user 0 still owns the host's files, and the agent's user its keys.
    if (!shared_uid_) return NoUserFor(run.id);
    footing.uid = *shared_uid_;
  }
  if (!own_uids_) return footing;
  const auto uid = PickUid(config_.uids, run.id, UidsTaken());
  if (!uid)
    return absl::ResourceExhaustedError("every user of the range has a replica: give --uid-range more");
  footing.uid = *uid;
  return footing;
}

absl::StatusOr<Observed> Launcher::Start(const Run& run) {
  PERIGEE_RETURN_IF_ERROR(ValidateRun(run));
  if (const auto present = replicas_.find(run.id); present != replicas_.end()) {
    Replica& replica = present->second;
    Refresh(replica);
    if (replica.footing.entry_sha256 == run.entry_sha256) return ObservedOf(replica);
    return absl::AlreadyExistsError(absl::StrCat(
        "replica ", run.id, " is there from another entry: remove it before it is started from this one"));
  }
  const ReplicaDirectory directory = DirectoryOf(run.id);
  PERIGEE_RETURN_IF_ERROR(CheckUnoccupied(run.id, directory));
  PERIGEE_ASSIGN_OR_RETURN(Footing footing, PlanFooting(run));
  absl::Status status = Establish(run, directory, footing);
  if (status.ok()) {
    Replica& replica = Track(directory, footing);
    status = Spawn(run, replica);
    if (status.ok()) {
      AwaitVerdict(replica);
      return ObservedOf(replica);
    }
    // One that lives on keeps what it has, and is found as any other.
    if (const absl::Status ended = EndShim(replica, kEndPatience); !ended.ok())
      return Annotate(status, ended.ToString());
    replicas_.erase(run.id);
  }
  // Nothing is kept of a start that failed on the way to a shim.
  const absl::Status discarded = Discard(directory, footing);
  return discarded.ok() ? status : Annotate(status, discarded.ToString());
}

// A shim that this launcher could not adopt, or cannot see: what it runs may be healthy, so nothing of it is cleared
// away.
absl::Status Launcher::CheckUnoccupied(const std::string& id, const ReplicaDirectory& directory) {
  switch (unclear_.contains(id) ? Liveness::kUnknown : directory.ShimByLock()) {
    case Liveness::kGone:
      return absl::OkStatus();
    case Liveness::kAlive:
      return absl::AlreadyExistsError(absl::StrCat("replica ", id,
                                                   " has a live shim that was not adopted; look into ",
                                                   directory.path(), " and end it by hand"));
    case Liveness::kUnknown:
      break;
  }
  return CannotTell(id);
}

absl::Status Launcher::Establish(const Run& run, const ReplicaDirectory& directory, Footing& footing) {
  PERIGEE_FAILPOINT("launcher.start.before_mkdir");
  PERIGEE_RETURN_IF_ERROR(directory.Make());
  PERIGEE_FAILPOINT("launcher.start.after_mkdir");
  PERIGEE_RETURN_IF_ERROR(directory.WriteFooting(footing));
  PERIGEE_FAILPOINT("launcher.start.before_cgroup");
  footing.missing = cgroups_.Create(footing.cgroups, run.limits);
  if (!own_uids_) footing.missing.insert(footing.missing.begin(), missing::kOwnUid);
  PERIGEE_FAILPOINT("launcher.start.after_cgroup");
  PERIGEE_RETURN_IF_ERROR(directory.WriteFooting(footing));
  return run.workdir.empty() ? MakeWorkdir(WorkdirOf(run.id), footing) : absl::OkStatus();
}

absl::Status Launcher::MakeWorkdir(const std::string& path, const Footing& footing) const {
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(config_.runtime_dir + "/work", 0711));
  if (mkdir(path.c_str(), 0700) != 0) return ErrnoStatus(errno, absl::StrCat("making ", path));
  const auto uid = static_cast<uid_t>(footing.uid);
  if (footing.uid >= 0 && lchown(path.c_str(), uid, uid) != 0) {
    return ErrnoStatus(errno, absl::StrCat("giving ", path, " to the replica's user"));
  }
  return absl::OkStatus();
}

absl::Status Launcher::Spawn(const Run& run, Replica& replica) {
  const Footing& footing = replica.footing;
  const bool root = geteuid() == 0;
  Spec spec{run,
            {.uid = footing.uid,
             .gid = footing.uid,
             .log_uid = root ? config_.agent_uid : -1,
             .log_gid = root ? config_.agent_gid : -1,
             .cgroups = footing.cgroups.directories,
             .oom_file = footing.cgroups.oom_file,
             .own_workdir = run.workdir.empty()}};
  if (run.workdir.empty()) spec.run.workdir = WorkdirOf(run.id);
  const SpecRecords records = EncodeSpec(spec);
  PERIGEE_FAILPOINT("launcher.start.before_spec");
  PERIGEE_RETURN_IF_ERROR(replica.directory.WriteSpec(records.on_disk));
  PERIGEE_ASSIGN_OR_RETURN(const Fd lock, replica.directory.TakeLock());
  PERIGEE_FAILPOINT("launcher.start.before_spawn");
  const std::string directory = replica.directory.path();
  PERIGEE_ASSIGN_OR_RETURN(const ProcessIdentity shim,
                           SpawnShim({config_.shim, directory, EncodeRecord(records.in_memory), lock.get(),
                                      config_.shim_descriptors}));
  replica.state.shim = shim;
  PERIGEE_FAILPOINT("launcher.start.after_spawn");
  if (auto handle = OpenProcess(shim); handle.ok()) replica.shim = *std::move(handle);
  return absl::OkStatus();
}

void Launcher::AwaitVerdict(Replica& replica) {
  const auto begin = std::chrono::steady_clock::now();
  while (true) {
    Refresh(replica);
    if (replica.state.phase != Phase::kStarting) return;
    const absl::Duration rest = kVerdictTimeout - absl::FromChrono(std::chrono::steady_clock::now() - begin);
    if (rest <= absl::ZeroDuration()) return;
    pollfd waits[] = {{inotify_.get(), POLLIN, 0}, {replica.shim.get(), POLLIN, 0}};
    poll(waits, 2, PollTimeout(rest));
    ReadWatches();
  }
}

absl::StatusOr<Launcher::Replica*> Launcher::Find(const std::string& id) {
  const auto found = replicas_.find(id);
  if (found == replicas_.end())
    return absl::NotFoundError(absl::StrCat("no replica ", id, " is on this host"));
  Refresh(found->second);
  return &found->second;
}

absl::Status Launcher::Signal(const std::string& id, int signal) {
  PERIGEE_ASSIGN_OR_RETURN(Replica * replica, Find(id));
  return AskShim(*replica, {{"op", control::kSignal}, {"signal", std::to_string(signal)}});
}

absl::Status Launcher::Stop(const std::string& id) {
  PERIGEE_ASSIGN_OR_RETURN(Replica * replica, Find(id));
  return AskShim(*replica, {{"op", control::kStop}});
}

std::vector<Observed> Launcher::Adopt() {
  ReadWatches();
  AdoptUnclear();
  std::vector<Observed> all;
  for (auto& [id, replica] : replicas_) {
    Refresh(replica);
    Observed observed = ObservedOf(replica);
    const CgroupUsage usage = Cgroups::Usage(replica.footing.cgroups);
    observed.memory_bytes = usage.memory_bytes;
    observed.cpu_usec = usage.cpu_usec;
    all.push_back(std::move(observed));
  }
  return all;
}

absl::Status Launcher::Limit(const std::string& id, const LimitChange& change) {
  PERIGEE_ASSIGN_OR_RETURN(Replica * replica, Find(id));
  if (replica->state.phase == Phase::kExited) {
    return absl::FailedPreconditionError(
        absl::StrCat("replica ", id, " has exited: limits come with its next start"));
  }
  if (change.lease) {
    const Record request{{"op", control::kLease}, {"lease", EncodeLease(*change.lease)}};
    PERIGEE_RETURN_IF_ERROR(AskShim(*replica, request));
  }
  if (!change.limits) return absl::OkStatus();
  Footing footing = replica->footing;
  footing.limits = *change.limits;
  std::erase_if(footing.missing,
                [](const std::string& word) { return word != missing::kOwnUid && word != missing::kCgroup; });
  for (std::string& word : Cgroups::SetLimits(footing.cgroups, footing.limits))
    footing.missing.push_back(std::move(word));
  PERIGEE_RETURN_IF_ERROR(replica->directory.WriteFooting(footing));
  replica->footing = std::move(footing);
  return absl::OkStatus();
}

absl::Status Launcher::Remove(const std::string& id, bool force) {
  const auto found = replicas_.find(id);
  if (found == replicas_.end()) return unclear_.contains(id) ? CannotTell(id) : absl::OkStatus();
  Replica& replica = found->second;
  Refresh(replica);
  if (replica.state.phase != Phase::kExited && !force) {
    return absl::FailedPreconditionError(
        absl::StrCat("replica ", id, " is running: stop it before it is removed"));
  }
  PERIGEE_FAILPOINT("launcher.remove.before_shim");
  PERIGEE_RETURN_IF_ERROR(EndShim(replica, absl::ZeroDuration()));
  PERIGEE_FAILPOINT("launcher.remove.after_shim");
  PERIGEE_ASSIGN_OR_RETURN(replica.ending, KillLeftovers(replica.footing.cgroups, replica.state.child));
  if (!replica.ending.empty()) {
    return absl::DeadlineExceededError(absl::StrCat(
        replica.ending.size(), " processes of replica ", id,
        " have not ended yet although killed: try again; if they stay, is a disk or a mount stuck?"));
  }
  PERIGEE_RETURN_IF_ERROR(Discard(replica.directory, replica.footing));
  replicas_.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<Fd> Launcher::BeginExec(const std::string& id, const ExecRequest& request) {
  PERIGEE_RETURN_IF_ERROR(ValidateExec(request));
  PERIGEE_ASSIGN_OR_RETURN(const Replica* replica, Find(id));
  if (replica->state.phase == Phase::kExited) {
    return absl::FailedPreconditionError(
        absl::StrCat("replica ", id, " has exited: there is nothing to run a command in"));
  }
  Record asked = EncodeExec(request);
  asked["op"] = control::kExec;
  return replica->directory.BeginAsking(asked, absl::ZeroDuration());
}

Observed Launcher::ObservedOf(const Replica& replica) {
  const State& state = replica.state;
  Observed observed;
  observed.id = replica.footing.id;
  observed.entry_sha256 = replica.footing.entry_sha256;
  observed.pid = state.child.pid;
  if (state.shim.pid > 0) {
    observed.run = absl::StrCat(state.shim.boot_id, "-", state.shim.pid, "-", state.shim.start_ticks);
  }
  observed.phase = state.phase;
  observed.exit = state.exit;
  observed.started_at = state.started_at;
  observed.exited_at = state.exited_at;
  observed.oom = state.oom;
  observed.lease_expired = state.lease_expired;
  observed.log_dropped = state.log_dropped;
  observed.missing = replica.footing.missing;
  return observed;
}

}  // namespace perigee::satellite
