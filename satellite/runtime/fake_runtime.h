// A runtime for tests: replicas are entries of a map. It behaves as the `process`
// runtime does (the conformance suite says so), at the speed of a map, and can be
// told what shall happen. Thread-safe. Listeners are called on the thread of the
// call that causes the change, after its effect.
//
//   FakeRuntime runtime(clock);
//   runtime.IgnoreStop("a");              // as a program that ignores its stop signal
//   runtime.FailToStart("/no/such/program", ENOENT);
//   runtime.Exits("a", {.kind = Exit::Kind::kCode, .number = 1});
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "satellite/runtime/runtime.h"
#include "shared/base/clock.h"

namespace perigee::satellite {

class FakeRuntime final : public Runtime {
 public:
  using Runtime::Remove;

  explicit FakeRuntime(const Clock& clock) : clock_(clock) {}

  void Listen(Listener listener) override;
  absl::StatusOr<Observed> Start(const StartRequest& request) override;
  absl::Status Signal(const std::string& id, int signal) override;
  absl::Status Stop(const std::string& id) override;
  absl::StatusOr<std::vector<Observed>> Adopt() override;
  absl::Status Limit(const std::string& id, const LimitChange& change) override;
  absl::Status Remove(const std::string& id, RemoveMode mode) override;
  void Exec(const std::string& id, const ExecRequest& request, ExecDone done) override;

  // What happens to replicas.
  void Exits(const std::string& id, Exit exit);  // by itself
  void KilledForMemory(const std::string& id);   // signal 9, oom
  void ExpireLeases();                           // those whose lease has passed by the clock
  void EndGraces();                    // SIGKILL to those stopped whose grace has passed by the clock
  void Vanish(const std::string& id);  // gone without a trace, as after a reboot
  void Resync();                       // as after a restart of the launcher

  // How it behaves from now on.
  void IgnoreStop(const std::string& id);                   // only SIGKILL ends it
  void FailToStart(const std::string& program, int error);  // command[0] cannot be run
  // What becomes of this command; others end with code 0.
  void AnswerExec(std::vector<std::string> command, absl::StatusOr<ExecOutcome> outcome);
  void SetMissing(std::vector<std::string> missing);  // isolation that starts lack
  void SetUnavailable(bool unavailable);              // as without a launcher

  // What was asked.
  int starts(const std::string& id) const;  // processes started, ever
  StartRequest LastRequest(const std::string& id) const;
  int execs(const std::string& id) const;  // commands run in it, ever
  ExecRequest LastExec(const std::string& id) const;
  std::vector<std::string> calls() const;  // "start a", "signal a 15", "stop a", "limit a", "remove a"

 private:
  struct Replica {
    StartRequest request;
    Observed observed;
    std::optional<absl::Duration> kill_at;  // since boot
  };

  absl::StatusOr<Observed> Begin(const StartRequest& request);
  absl::StatusOr<ExecOutcome> OutcomeOf(const std::string& id, const ExecRequest& request);
  absl::Status Available() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Replica*> Running(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(Replica& replica, Exit exit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(const Observed& observed) ABSL_LOCKS_EXCLUDED(mutex_);

  const Clock& clock_;
  mutable absl::Mutex mutex_;
  Listener listener_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Replica> replicas_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> starts_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, StartRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> ignoring_stop_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> failing_programs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::vector<std::string>, absl::StatusOr<ExecOutcome>> exec_answers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<ExecRequest>> execs_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> missing_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
  bool unavailable_ ABSL_GUARDED_BY(mutex_) = false;
  pid_t next_pid_ ABSL_GUARDED_BY(mutex_) = 1000;
};

}  // namespace perigee::satellite
