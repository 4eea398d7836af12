// The commands of `perigee-satellite`, as functions that return the exit code.
// status, logs and restart need no control plane; status and logs no agent either.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace perigee::satellite {

inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitWaiting = 3;  // enroll: still waiting for approval

inline constexpr char kDataDir[] = "/var/lib/perigee";
inline constexpr char kRuntimeDir[] = "/run/perigee";

struct EnrollFlags {
  std::string server;
  std::string ca_hash;
  std::string token_file;  // "-": standard input
  std::string data_dir = kDataDir;
  std::string name;
  bool anew = false;
  std::string wait = "10m";
  std::string address;
  std::string capacity;
};
int RunEnroll(const EnrollFlags& flags);

struct RunFlags {
  std::string data_dir = kDataDir;
  std::string runtime_dir = kRuntimeDir;
  std::string address;
  std::string capacity;
};
int RunAgent(const RunFlags& flags);  // until SIGTERM or SIGINT

int RunStatus(const std::string& data_dir, bool as_json);
int RunLogs(const std::string& data_dir, const std::string& replica, size_t tail);
// One replica or workload by its name, or, by `all`, every replica of the host.
int RunRestart(const std::string& data_dir, const std::string& replica, bool all);

}  // namespace perigee::satellite
