// The launcher's verbs, without its socket (server.h): the only part of a
// satellite that has privileges. It owns R (0711), R/replicas/<id> (0700) and R/work/<id>, the working
// directory of a replica that names none.
//
// Invariants: what it makes is written down before it is made; whatever instant
// it dies at, Open of its successor adopts what lives and clears away the rest;
// it believes a process id only with boot id and start time; it ends nothing for dead
// without proof (Liveness); its own end touches no replica. Not thread-safe: one thread, also because it forks.
//
//   PERIGEE_ASSIGN_OR_RETURN(auto launcher, Launcher::Open(config));
//   PERIGEE_ASSIGN_OR_RETURN(Observed now, launcher->Start(run));
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "satellite/launcher/cgroups.h"
#include "satellite/launcher/protocol.h"
#include "satellite/launcher/replica_directory.h"
#include "satellite/launcher/uid_range.h"
#include "satellite/shim/protocol.h"
#include "shared/base/files.h"

namespace perigee::satellite {

class Launcher {
 public:
  struct Config {
    std::string runtime_dir;
    std::string shim;        // the program
    int64_t agent_uid = -1;  // whose the log directories are
    int64_t agent_gid = -1;
    UidRange uids;
    std::string cgroup_root;                 // as Cgroups::Config::root
    std::optional<rlim_t> shim_descriptors;  // soft limit of shims and what they run; else the launcher's own
  };

  ~Launcher();  // takes away what is empty of its cgroups; touches no replica
  // Takes the runtime directory (ALREADY_EXISTS when another launcher has it) and adopts what is in it.
  static absl::StatusOr<std::unique_ptr<Launcher>> Open(Config config);

  absl::StatusOr<Observed> Start(const Run& run);
  absl::Status Signal(const std::string& id, int signal);
  absl::Status Stop(const std::string& id);
  std::vector<Observed> Adopt();
  absl::Status Limit(const std::string& id, const LimitChange& change);
  // Waits for nobody's end: DEADLINE_EXCEEDED while something of it has not ended yet. Called again, it goes on; one of
  // WatchDescriptors is readable when that may be worth it.
  absl::Status Remove(const std::string& id, bool force);
  // Has the shim run a command beside the replica's process. The connection on which it answers when that has ended.
  absl::StatusOr<Fd> BeginExec(const std::string& id, const ExecRequest& request);

  // Descriptors that are readable when something may have changed; -1s are left out.
  std::vector<int> WatchDescriptors() const;
  // Replicas that changed since they were last told here. Call it after each verb too: verbs see
  // changes on their way, and only some are in their answers.
  std::vector<Observed> TakeChanges();

 private:
  struct Replica {
    ReplicaDirectory directory;
    Footing footing;
    State state;     // as last read
    Fd shim;         // pidfd; invalid while it is not known or dead
    int watch = -1;  // of inotify
    bool told = true;
    Fd unanswered;    // what its shim was asked last, while it owes the answer
    Fd asked_to_end;  // held while its shim may not have read that
    std::optional<std::chrono::steady_clock::time_point> kill_at;  // of its shim, which was asked to end
    std::vector<Fd> ending;  // pidfds of what was killed and has not ended
  };

  explicit Launcher(Config config) : config_(std::move(config)) {}
  absl::Status TakeRuntimeDirectory();
  absl::Status AdoptAll();
  void AdoptOne(const std::string& id);
  void AdoptUnclear();
  ReplicaDirectory DirectoryOf(const std::string& id) const;
  Replica& Track(const ReplicaDirectory& directory, Footing footing);

  absl::Status CheckUnoccupied(const std::string& id, const ReplicaDirectory& directory);
  absl::StatusOr<Footing> PlanFooting(const Run& run);
  absl::Status Establish(const Run& run, const ReplicaDirectory& directory, Footing& footing);
  absl::Status MakeWorkdir(const std::string& path, const Footing& footing) const;
  std::string WorkdirOf(const std::string& id) const { return config_.runtime_dir + "/work/" + id; }
  absl::Status Spawn(const Run& run, Replica& replica);
  void AwaitVerdict(Replica& replica);

  void ReadWatches();
  static absl::Status CannotTell(const std::string& id);
  static Liveness ShimOf(const Replica& replica);
  void Refresh(Replica& replica);
  void Settle(Replica& replica);
  absl::Status AskShim(Replica& replica, const Record& request);
  absl::Status EndShim(Replica& replica, absl::Duration patience);
  absl::Status Discard(const ReplicaDirectory& directory, const Footing& footing) const;
  absl::StatusOr<Replica*> Find(const std::string& id);
  static Observed ObservedOf(const Replica& replica);
  std::set<int64_t> UidsTaken() const;

  const Config config_;
  bool own_uids_ = false;
  std::optional<int64_t> shared_uid_;  // of a launcher that is root, for replicas without a user of their own
  std::string boot_id_;
  Fd lock_;
  Fd inotify_;
  Cgroups cgroups_;
  std::map<std::string, Replica> replicas_;
  std::set<std::string> unclear_;  // there, but whether it lives could not be seen yet
};

}  // namespace perigee::satellite
