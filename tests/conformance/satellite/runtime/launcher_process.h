// A real launcher in a directory of its own, and what the tests need to see of
// it. Everything that it started is ended with it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "satellite/runtime/runtime.h"
#include "satellite/shim/log_line.h"

namespace perigee::satellite {

inline constexpr absl::Duration kPatience = absl::Seconds(20);

std::string BinaryPath(const std::string& name);
std::string ProbePath();
// Asks again and again, until it is true or patience ends.
bool Eventually(const std::function<bool()>& condition);

// As an agent does: again while something has not ended yet.
absl::Status RemoveWholly(Runtime& runtime, const std::string& id, RemoveMode mode = RemoveMode::kWhenGone);

// Waits for it.
absl::StatusOr<ExecOutcome> OutcomeOfExec(Runtime& runtime, const std::string& id,
                                          const ExecRequest& request);

class LauncherProcess {
 public:
  struct Config {
    bool as_root = true;
    std::vector<std::string> arguments;
  };
  explicit LauncherProcess(Config config);
  ~LauncherProcess();

  // `failpoints` as in PERIGEE_FAILPOINTS. Returns when its socket answers, or it has ended.
  void Start(const std::string& failpoints = "");
  void Kill(int signal);  // and waits for its end
  bool AwaitEnd();        // for one that ends by itself; false when it does not
  pid_t pid() const { return pid_; }

  const std::string& root() const { return root_; }
  std::string runtime_dir() const { return root_ + "/run"; }
  std::string log_dir(const std::string& id) const { return root_ + "/logs/" + id; }
  std::string ReplicaFile(const std::string& id, const std::string& name) const;
  uid_t uid() const;

  StartRequest Request(const std::string& id, std::vector<std::string> probe_arguments) const;
  // What the replica wrote, as texts of lines.
  std::vector<LogLine> Log(const std::string& id) const;
  std::string LogText(const std::string& id) const;

 private:
  void EndReplicas();

  const Config config_;
  std::string root_;
  pid_t pid_ = -1;
};

// Collects what a runtime tells.
class Collector {
 public:
  Runtime::Listener AsListener();
  // The newest told of the replica for which it is true.
  bool Await(const std::string& id, const std::function<bool(const Observed&)>& condition);
  bool AwaitExit(const std::string& id);
  bool AwaitResyncs(int count);
  Observed Last(const std::string& id);

 private:
  absl::Mutex mutex_;
  std::map<std::string, Observed> last_ ABSL_GUARDED_BY(mutex_);
  int resyncs_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace perigee::satellite
