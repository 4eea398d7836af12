// The launcher's socket: R/launcher.sock, SOCK_SEQPACKET, Records (protocol.h).
// One thread, one loop, which waits for no command that runs in a replica and for no process's end: neighbours have
// leases to be extended. A peer that does not read what it asked for is cut off.
#pragma once

#include <poll.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "satellite/launcher/launcher.h"
#include "shared/base/files.h"
#include "shared/base/spare_descriptor.h"

namespace perigee::satellite {

class LauncherServer {
 public:
  struct Config {
    std::string runtime_dir;
    int64_t agent_uid = -1;  // besides root, who is heard
    int stop = -1;           // a descriptor; readable: end
  };
  LauncherServer(Config config, Launcher& launcher) : config_(std::move(config)), launcher_(launcher) {}

  absl::Status Listen();
  // Until `stop` is readable. Replicas stay as they are.
  absl::Status Serve();

 private:
  // A peer of the socket; held by the server alone, so that a weak one tells when it is cut off.
  using Connection = std::shared_ptr<const Fd>;
  // A command that runs in a replica.
  struct Execution {
    Fd shim;  // brings its outcome
    std::string seq;
    std::weak_ptr<const Fd> asker;
    std::chrono::steady_clock::time_point deadline;
  };

  // A removal that waits for processes to end.
  struct Removal {
    Record request;
    std::weak_ptr<const Fd> asker;
    std::chrono::steady_clock::time_point deadline;
  };

  void Accept();
  bool Handle(const Connection& connection);  // false: close it
  std::optional<Record> Answer(const Record& request, const Connection& asker);
  absl::Status Carry(const Record& request, Record& answer);
  absl::Status BeginExec(const Record& request, const Connection& asker);
  // `waits`: as polled, one of each execution.
  void EndExecs(const pollfd* waits);
  absl::Status Remove(const Record& request);
  void GoOnRemoving();
  absl::Duration UntilFirstDeadline() const;
  void TellChanges();

  const Config config_;
  Launcher& launcher_;
  Fd listener_;
  SpareDescriptor spare_;
  std::vector<Connection> connections_;
  std::vector<Execution> executions_;
  std::vector<Removal> removals_;
};

}  // namespace perigee::satellite
