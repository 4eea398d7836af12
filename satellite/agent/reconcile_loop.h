// Makes it so: takes the entries from the state, what runs from the runtime and
// what the probes say, asks the reconciler for a plan, persists, acts, reports.
// Owns the thread "reconcile" (all decisions), "act-N" (calls of the runtime, in
// order per replica) and the health monitor. Needs no network.
//
// When the state cannot be written (disk full), only what leaves the recorded
// choice as it is goes on: a replica that ended is started again from the same entry.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "satellite/agent/launch.h"
#include "satellite/agent/local_view.h"
#include "satellite/health/monitor.h"
#include "satellite/reconciler/plan.h"
#include "satellite/runtime/runtime.h"
#include "satellite/state/state.h"
#include "shared/base/clock.h"
#include "shared/base/job.h"
#include "shared/session/satellite_core.h"

namespace perigee::satellite {

class ReconcileLoop {
 public:
  struct Config {
    LaunchSite site;
    std::string boot_id;
    std::vector<std::string> features;
    absl::Duration retry = absl::Seconds(1);  // of what failed: adoption, writing
  };
  // Called on the thread "reconcile".
  struct Hooks {
    std::function<void(SatelliteSession::StatusChanged)> report = [](auto) {};
    std::function<void()> events_added = [] {};
    std::function<void(const v1::TrustRoots&)> trust_changed = [](const auto&) {};
  };

  ReconcileLoop(Config config, SiteState& state, Runtime& runtime, const Clock& clock, Hooks hooks);
  ~ReconcileLoop();  // touches no workload
  ReconcileLoop(const ReconcileLoop&) = delete;
  ReconcileLoop& operator=(const ReconcileLoop&) = delete;

  // Thread-safe, below.
  void Start();           // loads the state, adopts, begins
  void EntriesChanged();  // the state has new ones
  void LinkChanged(bool connected, const std::string& why);
  void Answered(std::chrono::nanoseconds sent_at);
  void GoneConfirmed(std::vector<std::string> ids);
  void Tell(std::string_view reason, const std::string& message, bool warning);
  // Persisted when it returns. NOT_FOUND.
  absl::Status Restart(const std::string& id);
  LocalView View() const;

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace perigee::satellite
