// The inside of ReconcileLoop. Within this module only. Split over reconcile_loop.cc (what is known, the door),
// reconcile_round.cc (one round: plan, persist, report) and reconcile_acting.cc (calls of the runtime, adoption).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "satellite/agent/reconcile_loop.h"
#include "satellite/agent/reporting.h"

namespace perigee::satellite {

// Lets the runtime's listener outlive the loop.
struct Gate {
  absl::Mutex mutex;
  Executor* executor ABSL_GUARDED_BY(mutex) = nullptr;

  void Post(std::function<void()> task) {
    absl::MutexLock lock(&mutex);
    if (executor != nullptr) executor->Post(std::move(task));
  }
};

struct ReconcileLoop::Loop {
  Loop(Config config, SiteState& state, Runtime& runtime, const Clock& clock, Hooks hooks);
  ~Loop();

  void Load();
  void LoadAgainSoon(const absl::Status& why);
  absl::Status LoadBooks();
  absl::Status LoadEntries();
  void EntriesChanged();
  void Listen();
  void Reconcile();
  void FindStrangers();
  void WatchHealth();
  std::optional<RecalledHealth> Recall(const Observed& now) const;
  Snapshot TakeSnapshot();
  void Forget(const std::string& id);
  v1::Event EventOf(const std::string& id, const ReplicaEvent& event) const;
  bool Write(const Plan& plan);
  bool MayAct(const ReplicaAction& action, bool written) const;
  void Dispatch(const ReplicaAction& action);
  void Perform(const ReplicaAction& action, const Desired& at_dispatch);
  void Done(const ReplicaAction& action, const absl::Status& status, std::optional<Observed> now);
  void LaunchFailed(const std::string& id, StartFailure failure);
  void Adopt();
  void Adopted(const absl::StatusOr<std::vector<Observed>>& all);
  void AdoptSoon();
  void Changed(const Observed& now);
  void CollectKept();
  void ReportStatuses(const Plan& plan);
  void ReportConditions();
  void Publish();
  void WriteAgainSoon();
  void ArmWake(absl::Duration at);
  absl::Status MarkRestart(const std::string& id);
  void ForgetGone(const std::vector<std::string>& ids);
  void TellNow(ReplicaEvent event);

  absl::Duration Now() const { return absl::FromChrono(clock.SinceBoot()); }
  // Runs on the thread "reconcile", unless the loop is ending.
  void Post(std::function<void()> task) {
    gate->Post([this, task = std::move(task)] {
      if (!stopping) task();
    });
  }

  const Config config;
  const EventSource source;
  SiteState& state;
  Runtime& runtime;
  const Clock& clock;
  const Hooks hooks;
  const std::shared_ptr<Gate> gate = std::make_shared<Gate>();

  // Of the thread "reconcile".
  bool stopping = false;
  bool loaded = false;  // before it nothing is adopted, hence nothing planned
  bool load_again_armed = false;
  std::shared_ptr<const Desired> desired = std::make_shared<Desired>();
  std::vector<StoredEntry> kept;
  uint64_t sequence = 0;
  bool applied = false;
  std::map<std::string, ReplicaBook> books;
  std::map<std::string, std::string> written_current;  // replica id -> `current` as it is on disk
  std::map<std::string, ReplicaBook> unwritten_books;
  std::vector<v1::Event> unwritten_events;
  std::string state_problem;  // writing
  std::string read_problem;

  std::map<std::string, Observed> observed;
  bool observed_known = false;
  std::set<std::string> strangers;  // of `observed`: another agent's
  bool adopting = true;             // no plan has been made since this agent started
  bool adoption_under_way = false;
  std::set<std::string> touched;  // heard of since the adoption began: newer than its answer
  std::string launcher_problem;
  std::map<std::string, absl::Duration> leases;
  std::map<std::string, StartFailure> failures;
  std::set<std::string> busy;
  std::set<std::string> limbo;  // busy until the next adoption tells what became of a failed call
  std::map<std::string, std::string> watched;  // replica id -> run

  bool connected = false;
  std::string link_message = "not connected yet";
  absl::Time link_since;
  std::optional<absl::Duration> last_answer;
  std::map<std::string, v1::ReplicaStatus> reported;
  bool everything_reported = false;
  std::vector<v1::Condition> conditions;
  absl::Duration wake_armed = absl::InfiniteDuration();
  uint64_t wake = 0;               // of the wake that is armed; older ones are void
  bool write_again_armed = false;  // after a write that failed

  mutable absl::Mutex view_mutex;
  LocalView view ABSL_GUARDED_BY(view_mutex);

  std::unique_ptr<Executor> executor;
  std::unique_ptr<HealthMonitor> monitor;
  std::vector<std::unique_ptr<Executor>> actors;
};

}  // namespace perigee::satellite
