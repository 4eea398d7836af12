// The launcher's socket: R/launcher.sock, SOCK_SEQPACKET, Records (protocol.h).
// One thread, one loop; a peer that does not read what it asked for is cut off.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "satellite/launcher/launcher.h"
#include "shared/base/files.h"

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
  void Accept();
  bool Handle(int socket);  // false: close it
  Record Answer(const Record& request);
  absl::Status Carry(const Record& request, Record& answer);
  void TellChanges();

  const Config config_;
  Launcher& launcher_;
  Fd listener_;
  std::vector<Fd> connections_;
};

}  // namespace perigee::satellite
