// Probes all replicas of this satellite from one thread ("health"): hundreds of
// probes at once cost descriptors, not threads; exec probes are at most
// kExecProbesAtOnce at a time, the others wait their turn.
//
//   HealthMonitor monitor(SystemClock(), [&] { loop.Wake(); }, runtime);
//   monitor.Watch(id, run, *ProbesOf(task, ports, address, env));
//   for (auto& [id, view] : monitor.Views()) ...
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "satellite/health/probe_state.h"
#include "satellite/runtime/runtime.h"
#include "shared/base/clock.h"

namespace perigee::satellite {

inline constexpr int kExecProbesAtOnce = 16;

// Thread-safe.
class HealthMonitor {
 public:
  // `changed` is called on the monitor's thread, with no lock held, after a view has changed. `runtime` runs exec
  // probes.
  HealthMonitor(const Clock& clock, std::function<void()> changed, Runtime& runtime);
  ~HealthMonitor();
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;

  // Begins anew when `run` is another one than before; the same run is left alone. `recalled`: for a run that an
  // earlier agent has watched.
  void Watch(const std::string& id, const std::string& run, ProbeSpecs specs,
             std::optional<RecalledHealth> recalled = std::nullopt);
  void Forget(const std::string& id);
  // Keyed by replica id; only runs that are watched.
  std::map<std::string, HealthView> Views() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace perigee::satellite
