#include "satellite/agent/reconcile_loop.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "satellite/agent/observe.h"
#include "satellite/agent/reconcile_inside.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"
#include "shared/resource/replica_state.h"
#include "shared/telemetry/log.h"

namespace perigee::satellite {
namespace {

constexpr int kActors = 4;

}  // namespace

ReconcileLoop::Loop::Loop(Config config_in, SiteState& state, Runtime& runtime, const Clock& clock,
                          Hooks hooks_in)
    : config(std::move(config_in)),
      source{config.site.site, config.site.satellite, config.boot_id},
      state(state),
      runtime(runtime),
      clock(clock),
      hooks(std::move(hooks_in)),
      link_since(clock.Now()),
      executor(std::make_unique<Executor>("reconcile")) {
  {
    absl::MutexLock lock(&gate->mutex);
    gate->executor = executor.get();
  }
  monitor = std::make_unique<HealthMonitor>(clock, [this] { Post([this] { Reconcile(); }); }, runtime);
  for (int i = 0; i < kActors; ++i) actors.push_back(std::make_unique<Executor>("act"));
}

ReconcileLoop::Loop::~Loop() {
  absl::Notification stopped;
  executor->Post([&] {
    stopping = true;
    stopped.Notify();
  });
  stopped.WaitForNotification();
  actors.clear();
  monitor.reset();
  {
    absl::MutexLock lock(&gate->mutex);
    gate->executor = nullptr;
  }
  executor.reset();
}

// ---- What is known.

// What starts replicas after a boot must not depend on one read: it is tried until it succeeds.
void ReconcileLoop::Loop::Load() {
  absl::Status read = LoadBooks();
  if (read.ok()) read = LoadEntries();
  if (!read.ok()) return LoadAgainSoon(read);
  loaded = true;
  read_problem.clear();
  Listen();
  Adopt();
}

void ReconcileLoop::Loop::LoadAgainSoon(const absl::Status& why) {
  if (read_problem.empty()) Log(Level::kError, "the state cannot be read", {{"status", why}});
  read_problem = absl::StrCat("the state cannot be read: ", why.message());
  ReportConditions();
  Publish();
  if (std::exchange(load_again_armed, true)) return;
  executor->PostAfter(config.retry, [this] {
    load_again_armed = false;
    if (stopping) return;
    if (loaded) {
      EntriesChanged();
    } else {
      Load();
    }
  });
}

// Not before the state is known: a runtime may ask for an adoption at once, and what is planned without the books
// overwrites them.
void ReconcileLoop::Loop::Listen() {
  runtime.Listen({.changed =
                      [this, gate = gate](const Observed& now) {
                        gate->Post([this, now] {
                          if (!stopping) Changed(now);
                        });
                      },
                  .resync =
                      [this, gate = gate] {
                        gate->Post([this] {
                          if (!stopping) Adopt();
                        });
                      }});
}

absl::Status ReconcileLoop::Loop::LoadBooks() {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<ReplicaBook> stored, state.Books());
  for (const ReplicaBook& book : stored) {
    books[book.id] = BookOfBoot(book, config.boot_id);
    written_current[book.id] = book.current;
  }
  return absl::OkStatus();
}

absl::Status ReconcileLoop::Loop::LoadEntries() {
  PERIGEE_ASSIGN_OR_RETURN(const Head head, state.ReadHead());
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<StoredEntry> entries, state.Entries());
  PERIGEE_ASSIGN_OR_RETURN(kept, state.KeptEntries());
  sequence = head.sequence;
  applied = !head.root.empty();
  auto parsed = std::make_shared<Desired>(ParseDesired(entries, kept, config.features));
  for (const v1::Applied::Refusal& refusal : parsed->refused) {
    Log(Level::kWarning, "an entry is refused; what runs is kept",
        {{"key", refusal.key()}, {"reason", refusal.reason()}, {"message", refusal.message()}});
  }
  desired = std::move(parsed);
  if (desired->trust.delivery_keys_size() > 0) hooks.trust_changed(desired->trust);
  return absl::OkStatus();
}

void ReconcileLoop::Loop::EntriesChanged() {
  if (!loaded) return;  // Load reads them too
  if (absl::Status read = LoadEntries(); !read.ok()) return LoadAgainSoon(read);
  read_problem.clear();
  Reconcile();
}

// A run that is already in the book was watched by an earlier agent.
std::optional<RecalledHealth> ReconcileLoop::Loop::Recall(const Observed& now) const {
  auto it = books.find(now.id);
  if (it == books.end() || now.run.empty() || it->second.run != now.run) return std::nullopt;
  const std::optional<ReplicaState> state = ParseReplicaState(it->second.state);
  return RecalledHealth{.started = state == ReplicaState::kReady || state == ReplicaState::kUnhealthy ||
                                   state == ReplicaState::kRunning,
                        .ready = state == ReplicaState::kReady};
}

void ReconcileLoop::Loop::WatchHealth() {
  for (const auto& [id, now] : observed) {
    if (now.phase != Phase::kRunning || now.run.empty()) continue;
    if (auto it = watched.find(id); it != watched.end() && it->second == now.run) continue;
    if (watched.erase(id) > 0) monitor->Forget(id);
    auto versions = desired->entries.find(id);
    if (versions == desired->entries.end() || !versions->second.contains(now.entry_sha256))
      continue;  // looked for again in each round: the centre may send it yet
    watched[id] = now.run;
    const v1::ReplicaEntry& entry = versions->second.at(now.entry_sha256);
    auto specs = ProbesOf(entry.template_().tasks(0), PortsOf(entry), config.site.address,
                          PublicEnvironment(config.site, *desired, entry));
    if (!specs.ok()) {
      Log(Level::kWarning, "the probes of a replica cannot be used",
          {{"replica", id}, {"status", specs.status()}});
    } else if (!specs->empty()) {
      monitor->Watch(id, now.run, *std::move(specs), Recall(now));
    }
  }
  for (auto it = watched.begin(); it != watched.end();) {
    auto now = observed.find(it->first);
    if (now != observed.end() && now->second.phase == Phase::kRunning) {
      ++it;
    } else {
      monitor->Forget(it->first);
      it = watched.erase(it);
    }
  }
}

Snapshot ReconcileLoop::Loop::TakeSnapshot() {
  Snapshot snapshot;
  snapshot.now = Now();
  snapshot.wall = clock.Now();
  snapshot.boot_id = config.boot_id;
  snapshot.applied = applied;
  snapshot.connected = connected;
  snapshot.adopting = adopting;
  snapshot.seen_known = observed_known;
  snapshot.last_answer = last_answer;
  const std::map<std::string, HealthView> views = monitor->Views();
  for (const auto& [id, now] : observed) {
    if (strangers.contains(id)) continue;
    SeenReplica seen = SeenOf(now);
    if (auto it = views.find(id); it != views.end()) {
      seen.health = it->second;
    } else if (auto recalled = Recall(now); recalled.has_value() && !watched.contains(id)) {
      seen.health = {.started = recalled->started, .ready = recalled->ready, .known = false};
    }
    if (auto it = leases.find(id); it != leases.end()) seen.lease = it->second;
    snapshot.seen[id] = std::move(seen);
  }
  snapshot.failures = failures;
  snapshot.busy = busy;
  snapshot.busy.insert(limbo.begin(), limbo.end());
  snapshot.books = books;
  return snapshot;
}

// ---- The door.

ReconcileLoop::ReconcileLoop(Config config, SiteState& state, Runtime& runtime, const Clock& clock,
                             Hooks hooks)
    : loop_(std::make_unique<Loop>(std::move(config), state, runtime, clock, std::move(hooks))) {}
ReconcileLoop::~ReconcileLoop() = default;

void ReconcileLoop::Start() {
  loop_->Post([loop = loop_.get()] { loop->Load(); });
}

void ReconcileLoop::EntriesChanged() {
  loop_->Post([loop = loop_.get()] { loop->EntriesChanged(); });
}

void ReconcileLoop::LinkChanged(bool connected, const std::string& why) {
  loop_->Post([loop = loop_.get(), connected, why] {
    const bool changed = loop->connected != connected;
    loop->link_message = why;
    if (changed) {
      loop->connected = connected;
      loop->link_since = loop->clock.Now();
      loop->TellNow({.reason = std::string(connected ? reason::kConnected : reason::kDisconnected),
                     .message = connected ? "the link is up" : why,
                     .warning = !connected});
    }
    loop->Reconcile();
  });
}

void ReconcileLoop::Answered(std::chrono::nanoseconds sent_at) {
  loop_->Post([loop = loop_.get(), sent_at] {
    const absl::Duration at = absl::FromChrono(sent_at);
    const bool first = !loop->last_answer.has_value();
    loop->last_answer = first ? at : std::max(*loop->last_answer, at);
    loop->Reconcile();
  });
}

void ReconcileLoop::GoneConfirmed(std::vector<std::string> ids) {
  loop_->Post([loop = loop_.get(), ids = std::move(ids)] { loop->ForgetGone(ids); });
}

void ReconcileLoop::Tell(std::string_view reason, const std::string& message, bool warning) {
  loop_->Post([loop = loop_.get(), event = ReplicaEvent{std::string(reason), message, warning}] {
    loop->TellNow(event);
  });
}

absl::Status ReconcileLoop::Restart(const std::string& id) {
  absl::Status status = absl::UnavailableError("the agent is ending");
  absl::Notification done;
  loop_->executor->Post([&] {
    if (!loop_->stopping) status = loop_->MarkRestart(id);
    done.Notify();
  });
  done.WaitForNotification();
  return status;
}

LocalView ReconcileLoop::View() const {
  absl::MutexLock lock(&loop_->view_mutex);
  return loop_->view;
}

}  // namespace perigee::satellite
