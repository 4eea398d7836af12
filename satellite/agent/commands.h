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

struct EnrollFlags {
  std::string server;
  std::string ca_hash;
  std::string token_file;  // "-": standard input
  std::string data_dir;
  std::string name;
  std::string wait = "10m";
  std::string address;
  std::string capacity;
};
int RunEnroll(const EnrollFlags& flags);

struct RunFlags {
  std::string data_dir;
  std::string runtime_dir;
  std::string address;
  std::string capacity;
};
int RunAgent(const RunFlags& flags);  // until SIGTERM or SIGINT

int RunStatus(const std::string& data_dir, bool as_json);
int RunLogs(const std::string& data_dir, const std::string& replica, size_t tail);
int RunRestart(const std::string& data_dir, const std::string& replica);

}  // namespace perigee::satellite
