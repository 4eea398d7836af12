#include "satellite/agent/observe.h"
#include "satellite/agent/reconcile_inside.h"
#include "shared/base/status.h"
#include "shared/telemetry/log.h"

namespace perigee::satellite {

// ---- Acting.

void ReconcileLoop::Loop::Dispatch(const ReplicaAction& action) {
  busy.insert(action.id);
  const size_t actor = std::hash<std::string>()(action.id) % actors.size();
  actors[actor]->Post([this, action, at_dispatch = desired] { Perform(action, *at_dispatch); });
}

// On an actor's thread.
void ReconcileLoop::Loop::Perform(const ReplicaAction& action, const Desired& at_dispatch) {
  absl::Status status;
  std::optional<Observed> now;
  switch (action.kind) {
    case ReplicaAction::Kind::kStart: {
      Launch launch = MakeLaunch(config.site, at_dispatch, action.id, action.sha256, action.lease);
      if (!launch.run.has_value()) {
        Post([this, id = action.id, failure = launch.failure] { LaunchFailed(id, failure); });
        return;
      }
      auto started = runtime.Start(*launch.run);
      status = started.status();
      if (started.ok()) now = *std::move(started);
      break;
    }
    case ReplicaAction::Kind::kStop:
      status = runtime.Stop(action.id);
      break;
    case ReplicaAction::Kind::kRemove:
      status = runtime.Remove(action.id);
      break;
    case ReplicaAction::Kind::kExtendLease:
      status = runtime.Limit(action.id, {.limits = std::nullopt, .lease = action.lease});
      break;
  }
  Post([this, action, status, now] { Done(action, status, now); });
}

void ReconcileLoop::Loop::LaunchFailed(const std::string& id, StartFailure failure) {
  busy.erase(id);
  failures[id] = std::move(failure);
  Reconcile();
}

void ReconcileLoop::Loop::Done(const ReplicaAction& action, const absl::Status& status,
                               std::optional<Observed> now) {
  busy.erase(action.id);
  touched.insert(action.id);
  if (!status.ok()) {
    Log(Level::kWarning, "the runtime refused", {{"replica", action.id}, {"status", status}});
    if (action.kind == ReplicaAction::Kind::kStart) failures[action.id] = FailureOf(status);
    limbo.insert(action.id);
    AdoptSoon();
    return;
  }
  switch (action.kind) {
    case ReplicaAction::Kind::kStart:
      observed[action.id] = *std::move(now);
      [[fallthrough]];
    case ReplicaAction::Kind::kExtendLease:
      if (action.lease.has_value()) leases[action.id] = *action.lease;
      break;
    case ReplicaAction::Kind::kRemove:
      observed.erase(action.id);
      leases.erase(action.id);
      break;
    case ReplicaAction::Kind::kStop:
      break;
  }
  Reconcile();
}

void ReconcileLoop::Loop::Changed(const Observed& now) {
  touched.insert(now.id);
  if (!observed.contains(now.id) && !busy.contains(now.id))
    return Adopt();  // a late word of what was removed, or news
  Observed& known = observed[now.id];
  // An older word that was overtaken by the answer of a call.
  if (known.run == now.run && !now.run.empty() && known.phase == Phase::kExited) return;
  known = now;
  Reconcile();
}

void ReconcileLoop::Loop::AdoptSoon() {
  executor->PostAfter(config.retry, [this] {
    if (!stopping) Adopt();
  });
}

void ReconcileLoop::Loop::Adopt() {
  if (adoption_under_way) return;
  adoption_under_way = true;
  touched = busy;
  actors[0]->Post([this] {
    auto all = runtime.Adopt();
    Post([this, all = std::move(all)] { Adopted(all); });
  });
}

void ReconcileLoop::Loop::Adopted(const absl::StatusOr<std::vector<Observed>>& all) {
  adoption_under_way = false;
  if (!all.ok()) {
    if (launcher_problem.empty())
      Log(Level::kError, "the launcher does not answer", {{"status", all.status()}});
    launcher_problem = std::string(all.status().message());
    AdoptSoon();
    Reconcile();
    return;
  }
  launcher_problem.clear();
  for (const std::string& id : limbo) touched.erase(id);
  limbo.clear();
  std::set<std::string> there;
  for (const Observed& now : *all) {
    there.insert(now.id);
    if (!touched.contains(now.id)) observed[now.id] = now;
  }
  std::erase_if(observed,
                [&](const auto& one) { return !there.contains(one.first) && !touched.contains(one.first); });
  observed_known = true;
  Reconcile();
}

}  // namespace perigee::satellite
