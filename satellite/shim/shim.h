// One run from its first process to its removal; see protocol.h for what others
// see of it. Single-threaded: one loop waits for children, output, requests and
// the next moment at which something is due (lease, grace, a command's timeout, a state to write again).
// Depends on nobody: no parent, no open pipe of another, no answer of the agent.
//
//   int main(argc, argv) { return perigee::satellite::ShimMain(argv[1]); }
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "satellite/shim/child.h"
#include "satellite/shim/log_writer.h"
#include "satellite/shim/protocol.h"
#include "shared/base/files.h"
#include "shared/base/spare_descriptor.h"

namespace perigee::satellite {

// Runs until the replica is removed. 0: removed; 1: it could not even begin, told on standard error.
int ShimMain(const std::string& directory);

class Shim {
 public:
  Shim(std::string directory, Spec spec, Fd lock);
  // Starts the process; the outcome is in the state, not in the status.
  absl::Status Begin();
  // Returns when asked to shut down and nothing is left.
  absl::Status Loop();

 private:
  // Beginning
  void BecomeReaper();
  absl::Status StartChild();
  void ForgetSecrets();

  // What happens
  void OnChildren();
  bool OnOutput(LogStream stream, Fd& pipe);
  void DrainOutput();
  void OnTime();
  void OnConnection();
  void OnRequest(size_t connection);

  // Requests
  Record Answer(const Record& request);
  absl::Status Carry(const std::string& op, const Record& request);
  absl::Status SendSignal(int signal);
  absl::Status ChangeLease(const Record& request);
  absl::Status BeginShutdown(bool force);

  // Commands beside the process (exec.cc)
  struct Execution {
    Companion command;
    Fd asker;                // gets one answer; invalid once it has it
    absl::Duration kill_at;  // since boot
  };
  absl::Status BeginExec(const Record& request, Fd& asker);
  void KillGroupOfExec(pid_t pid);
  bool EndExec(pid_t pid, int status);
  void EndLateExecs(absl::Duration now);
  void KillExecs();

  void BeginStop();
  void KillEverything();
  void EndRun(Exit exit);
  void SaveState();
  int64_t OomKills() const;
  absl::Duration NextMoment() const;  // since boot; InfiniteDuration(): none
  void ArmTimer();
  bool Finished() const;

  const std::string directory_;
  Spec spec_;
  const Fd lock_;
  LogWriter log_;
  State state_;
  Child child_;
  Fd signals_, timer_, listener_;
  SpareDescriptor spare_;
  std::vector<Fd> connections_;
  std::vector<Execution> executions_;
  int64_t oom_kills_before_ = 0;
  bool childless_ = false;  // nothing of the run is left
  bool killing_ = false;    // SIGKILL until nothing is left: what forks can be missed once
  bool shutting_down_ = false;
  bool state_unsaved_ = false;
  std::optional<absl::Duration> kill_at_;   // since boot: SIGKILL to everything
  std::optional<absl::Duration> retry_at_;  // since boot: write the state, or kill, once more
};

}  // namespace perigee::satellite
