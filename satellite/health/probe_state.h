// The decisions of probing one run of a replica: which probe is due when, and
// what their results mean. Pure; times are CLOCK_BOOTTIME.
//
// The startup probe goes first and holds the others back. Until a probe has
// passed for the first time it is asked quickly (20 ms, doubling up to its
// period), so that a fast program is Ready fast.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/perigee/v1/workload.pb.h"
#include "satellite/health/view.h"

namespace perigee::satellite {

inline constexpr absl::Duration kFirstProbeDelay = absl::Milliseconds(20);
inline constexpr int kDefaultFailureThreshold = 3;
inline constexpr int kDefaultSuccessThreshold = 1;

// How to ask once.
struct ProbeTarget {
  enum class Kind { kHttp, kTcp, kExec };
  Kind kind = Kind::kTcp;
  std::string host;  // an IP address
  int port = 0;
  std::string path;                  // http
  std::vector<std::string> command;  // exec
  std::vector<std::string> env;      // exec, NAME=VALUE
};

struct ProbeSpec {
  ProbeTarget target;
  absl::Duration period = absl::Seconds(5);
  absl::Duration timeout = absl::Seconds(2);
  int failure_threshold = kDefaultFailureThreshold;
  int success_threshold = kDefaultSuccessThreshold;
};

enum class ProbeRole { kStartup, kReadiness, kLiveness };
std::string_view ProbeRoleName(ProbeRole role);
using ProbeSpecs = std::map<ProbeRole, ProbeSpec>;

struct ProbeResult {
  bool ok = false;
  std::string message;   // why not
  bool unknown = false;  // could not be asked: counts neither for the replica nor against it
};

// What an earlier agent recorded of a run that goes on. Holds until the probes have decided for themselves.
struct RecalledHealth {
  bool started = false;
  bool ready = false;
};

class ProbeState {
 public:
  ProbeState(ProbeSpecs specs, absl::Duration now, std::optional<RecalledHealth> recalled = std::nullopt);

  // Probes to ask now. Each is under way until its result is given back.
  std::vector<ProbeRole> TakeDue(absl::Duration now);
  void OnResult(ProbeRole role, const ProbeResult& result, absl::Duration now);
  // When the next one is due; InfiniteDuration when none is.
  absl::Duration NextDue() const;
  HealthView View() const;
  const ProbeSpec& SpecOf(ProbeRole role) const;

 private:
  struct Track {
    ProbeSpec spec;
    absl::Duration due;
    absl::Duration quick = kFirstProbeDelay;
    bool under_way = false;
    bool passed_once = false;
    bool passing = false;
    bool recalled = false;  // nothing decided yet: `passing` is what was recorded
    bool unknown = false;   // the last one could not be asked
    bool failed = false;    // reached the failure threshold
    int failures = 0;       // in a row
    int successes = 0;      // in a row
    std::string message;
  };
  bool HeldBack(ProbeRole role) const;

  std::map<ProbeRole, Track> tracks_;
};

// The probes of a task. `ports`: name -> number as the replica was given them. INVALID_ARGUMENT for a port
// that the task does not have.
absl::StatusOr<ProbeSpecs> ProbesOf(const v1::WorkloadTask& task, const std::map<std::string, int>& ports,
                                    const std::string& address, const std::vector<std::string>& env);

}  // namespace perigee::satellite
