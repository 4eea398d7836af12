// The agent's local door, D/run/agent.sock (0600 in a 0700 directory, and only
// the agent's own user and root are heard): one Record asks, one answers.
//   op=status                → the fields of EncodeView
//   op=restart, replica=ID   → nothing
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "satellite/agent/local_view.h"
#include "shared/base/files.h"
#include "shared/base/spare_descriptor.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {

std::string LocalSocketPath(const std::string& data_dir);

// Owns the thread "local"; serves one connection at a time.
class LocalServer {
 public:
  struct Handlers {
    std::function<LocalView()> status;
    std::function<absl::Status(const std::string& replica_id)> restart;
  };
  static absl::StatusOr<std::unique_ptr<LocalServer>> Start(const std::string& data_dir, Handlers handlers);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

 private:
  LocalServer(Fd listener, Fd stop, Handlers handlers);
  void Run();
  void Serve(int socket);
  Record Answer(const Record& request);

  const Fd listener_;
  SpareDescriptor spare_;
  const Fd stop_;  // eventfd
  const Handlers handlers_;
  std::thread thread_;
};

// UNAVAILABLE when no agent runs on this data directory.
absl::StatusOr<LocalView> AskStatus(const std::string& data_dir);
absl::Status AskRestart(const std::string& data_dir, const std::string& replica_id);

}  // namespace perigee::satellite
