#include "satellite/agent/reconcile_loop.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "google/protobuf/util/message_differencer.h"
#include "satellite/agent/observe.h"
#include "satellite/agent/reporting.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"
#include "shared/telemetry/log.h"

namespace perigee::satellite {
namespace {

constexpr int kActors = 4;
constexpr size_t kUnwrittenEvents = limits::kOutboxEvents / 10;

// Lets the runtime's listener outlive the loop.
struct Gate {
  absl::Mutex mutex;
  Executor* executor ABSL_GUARDED_BY(mutex) = nullptr;

  void Post(std::function<void()> task) {
    absl::MutexLock lock(&mutex);
    if (executor != nullptr) executor->Post(std::move(task));
  }
};

}  // namespace

struct ReconcileLoop::Loop {
  Loop(Config config, SiteState& state, Runtime& runtime, const Clock& clock, Hooks hooks);
  ~Loop();

  void Load();
  void LoadEntries();
  void Reconcile();
  void WatchHealth();
  Snapshot TakeSnapshot();
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
  void ArmWake(absl::Duration wake);
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
  std::shared_ptr<const Desired> desired = std::make_shared<Desired>();
  std::vector<StoredEntry> kept;
  uint64_t sequence = 0;
  bool applied = false;
  std::map<std::string, ReplicaBook> books;
  std::map<std::string, std::string> written_current;  // replica id -> `current` as it is on disk
  std::map<std::string, ReplicaBook> unwritten_books;
  std::vector<v1::Event> unwritten_events;
  std::string state_problem;

  std::map<std::string, Observed> observed;
  bool observed_known = false;
  bool adopting = true;  // no plan has been made since this agent started
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

  mutable absl::Mutex view_mutex;
  LocalView view ABSL_GUARDED_BY(view_mutex);

  std::unique_ptr<Executor> executor;
  std::unique_ptr<HealthMonitor> monitor;
  std::vector<std::unique_ptr<Executor>> actors;
};

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
  monitor = std::make_unique<HealthMonitor>(clock, [this] { Post([this] { Reconcile(); }); });
  for (int i = 0; i < kActors; ++i) actors.push_back(std::make_unique<Executor>("act"));
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

void ReconcileLoop::Loop::Load() {
  auto stored = state.Books();
  if (!stored.ok()) {
    Log(Level::kError, "bookkeeping of replicas cannot be read", {{"status", stored.status()}});
    stored = std::vector<ReplicaBook>();
  }
  for (const ReplicaBook& book : *stored) {
    books[book.id] = BookOfBoot(book, config.boot_id);
    written_current[book.id] = book.current;
  }
  LoadEntries();
  Adopt();
}

void ReconcileLoop::Loop::LoadEntries() {
  auto head = state.ReadHead();
  auto entries = state.Entries();
  auto kept_now = state.KeptEntries();
  if (!head.ok() || !entries.ok() || !kept_now.ok()) {
    Log(Level::kError, "the stored entries cannot be read",
        {{"head", head.status()}, {"entries", entries.status()}});
    return;
  }
  kept = *std::move(kept_now);
  sequence = head->sequence;
  applied = !head->root.empty();
  auto parsed = std::make_shared<Desired>(ParseDesired(*entries, kept, config.features));
  for (const v1::Applied::Refusal& refusal : parsed->refused) {
    Log(Level::kWarning, "an entry is refused; what runs is kept",
        {{"key", refusal.key()}, {"reason", refusal.reason()}, {"message", refusal.message()}});
  }
  desired = std::move(parsed);
  if (desired->trust.delivery_keys_size() > 0) hooks.trust_changed(desired->trust);
}

void ReconcileLoop::Loop::WatchHealth() {
  for (const auto& [id, now] : observed) {
    if (now.phase != Phase::kRunning || now.run.empty()) continue;
    if (auto it = watched.find(id); it != watched.end() && it->second == now.run) continue;
    watched[id] = now.run;
    monitor->Forget(id);
    auto versions = desired->entries.find(id);
    if (versions == desired->entries.end() || !versions->second.contains(now.entry_sha256)) continue;
    const v1::ReplicaEntry& entry = versions->second.at(now.entry_sha256);
    auto specs = ProbesOf(entry.template_().tasks(0), PortsOf(entry), config.site.address,
                          PublicEnvironment(config.site, *desired, entry));
    if (!specs.ok()) {
      Log(Level::kWarning, "the probes of a replica cannot be used",
          {{"replica", id}, {"status", specs.status()}});
    } else if (!specs->empty()) {
      monitor->Watch(id, now.run, *std::move(specs));
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
    SeenReplica seen = SeenOf(now);
    if (auto it = views.find(id); it != views.end()) seen.health = it->second;
    if (auto it = leases.find(id); it != leases.end()) seen.lease = it->second;
    snapshot.seen[id] = std::move(seen);
  }
  snapshot.failures = failures;
  snapshot.busy = busy;
  snapshot.busy.insert(limbo.begin(), limbo.end());
  snapshot.books = books;
  return snapshot;
}

// ---- One round.

void ReconcileLoop::Loop::Reconcile() {
  WatchHealth();
  const Snapshot snapshot = TakeSnapshot();
  const Plan plan = MakePlan(*desired, snapshot);
  if (!snapshot.seen_known) {
    ReportConditions();
    Publish();
    return;
  }
  adopting = false;
  std::erase_if(failures, [&](const auto& failure) { return !snapshot.busy.contains(failure.first); });
  for (const ReplicaBook& book : plan.books) books[book.id] = book;
  const bool written = Write(plan);
  for (const std::string& id : plan.forgets) {
    books.erase(id);
    reported.erase(id);
    if (absl::Status status = state.DeleteBook(id); !status.ok())
      state_problem = std::string(status.message());
  }
  for (const ReplicaAction& action : plan.actions) {
    if (MayAct(action, written)) Dispatch(action);
  }
  if (written && !plan.books.empty()) CollectKept();
  ReportStatuses(plan);
  ReportConditions();
  Publish();
  ArmWake(plan.wake);
}

bool ReconcileLoop::Loop::Write(const Plan& plan) {
  for (const ReplicaBook& book : plan.books) unwritten_books[book.id] = book;
  for (const auto& [id, event] : plan.events) {
    const v1::ReplicaEntry* entry = EntryOf(*desired, id, books.contains(id) ? books.at(id).current : "");
    unwritten_events.push_back(MakeReplicaEvent(source, id, entry, event, clock.Now()));
    Log(event.warning ? Level::kWarning : Level::kInfo, event.message,
        {{"replica", entry != nullptr ? ReplicaName(*entry) : id}, {"reason", event.reason}});
  }
  if (unwritten_books.empty() && unwritten_events.empty()) return true;
  std::vector<ReplicaBook> list;
  for (const auto& [id, book] : unwritten_books) list.push_back(book);
  const absl::Status status = state.Record(list, unwritten_events);
  if (!status.ok()) {
    if (state_problem.empty()) Log(Level::kError, "the state cannot be written", {{"status", status}});
    state_problem = std::string(status.message());
    if (unwritten_events.size() > kUnwrittenEvents) {
      unwritten_events.erase(unwritten_events.begin(), unwritten_events.end() - kUnwrittenEvents);
    }
    executor->PostAfter(config.retry, [this] {
      if (!stopping) Reconcile();
    });
    return false;
  }
  state_problem.clear();
  for (const auto& [id, book] : unwritten_books) written_current[id] = book.current;
  const bool told = !unwritten_events.empty();
  unwritten_books.clear();
  unwritten_events.clear();
  if (told) hooks.events_added();
  return true;
}

bool ReconcileLoop::Loop::MayAct(const ReplicaAction& action, bool written) const {
  if (written) return true;
  auto current = written_current.find(action.id);
  switch (action.kind) {
    case ReplicaAction::Kind::kStart:
      return current != written_current.end() && current->second == action.sha256;
    case ReplicaAction::Kind::kRemove:
    case ReplicaAction::Kind::kExtendLease:
      return true;
    case ReplicaAction::Kind::kStop:
      return false;
  }
  return false;
}

void ReconcileLoop::Loop::CollectKept() {
  if (kept.empty()) return;
  const std::set<EntryVersion> needed = NeededVersions(kept, books);
  if (needed.size() == kept.size()) return;
  if (absl::Status status = state.KeepOnly(needed); !status.ok()) {
    Log(Level::kWarning, "old entries cannot be let go", {{"status", status}});
    return;
  }
  LoadEntries();
}

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

// ---- Saying.

void ReconcileLoop::Loop::ReportStatuses(const Plan& plan) {
  SatelliteSession::StatusChanged changed;
  changed.everything = !everything_reported;
  for (const auto& [id, status] : plan.statuses) {
    auto before = reported.find(id);
    const bool same = before != reported.end() &&
                      google::protobuf::util::MessageDifferencer::Equals(before->second, status);
    if (same && everything_reported) continue;
    reported[id] = status;
    changed.replicas.push_back(status);
  }
  everything_reported = true;
  if (!changed.replicas.empty() || changed.everything) hooks.report(std::move(changed));
}

void ReconcileLoop::Loop::ReportConditions() {
  std::vector<v1::Condition> now = MakeConditions(
      {.launcher_problem = launcher_problem, .state_problem = state_problem, .observed = &observed},
      conditions, clock.Now());
  const bool same = std::equal(now.begin(), now.end(), conditions.begin(), conditions.end(),
                               [](const v1::Condition& a, const v1::Condition& b) {
                                 return google::protobuf::util::MessageDifferencer::Equals(a, b);
                               });
  if (same) return;
  conditions = now;
  SatelliteSession::StatusChanged changed;
  changed.conditions = std::move(now);
  hooks.report(std::move(changed));
}

void ReconcileLoop::Loop::Publish() {
  LocalView now;
  now.satellite = config.site.satellite;
  now.site = config.site.site;
  now.connected = connected;
  now.link_since = link_since;
  now.link_message = link_message;
  now.sequence = sequence;
  now.problems = ProblemsOf(conditions);
  for (const auto& [id, status] : reported) {
    if (!status.gone())
      now.replicas.push_back(RowOf(id, EntryOf(*desired, id, status.status().entry_sha256()), status));
  }
  absl::MutexLock lock(&view_mutex);
  view = std::move(now);
}

void ReconcileLoop::Loop::ArmWake(absl::Duration wake) {
  const absl::Duration now = Now();
  if (wake == absl::InfiniteDuration() || (wake_armed > now && wake_armed <= wake)) return;
  wake_armed = std::max(wake, now);
  executor->PostAfter(wake_armed - now, [this] {
    wake_armed = absl::InfiniteDuration();
    if (!stopping) Reconcile();
  });
}

absl::Status ReconcileLoop::Loop::MarkRestart(const std::string& id) {
  auto book = books.find(id);
  if (book == books.end() || book->second.gone)
    return absl::NotFoundError(absl::StrCat("no replica ", id, " here"));
  ReplicaBook asked = book->second;
  asked.restart_asked = true;
  PERIGEE_RETURN_IF_ERROR(state.Record({asked}, {}));
  book->second = std::move(asked);
  Reconcile();
  return absl::OkStatus();
}

void ReconcileLoop::Loop::ForgetGone(const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    auto book = books.find(id);
    if (book == books.end() || !book->second.gone || desired->wanted.contains(id)) continue;
    absl::Status status = state.DeleteBook(id);
    if (status.ok()) status = RemoveTree(LogDirectory(config.site.data_dir, id));
    if (!status.ok()) {
      Log(Level::kWarning, "what a removed replica left behind stays", {{"replica", id}, {"status", status}});
      continue;
    }
    books.erase(book);
    written_current.erase(id);
    reported.erase(id);
  }
  Publish();
}

void ReconcileLoop::Loop::TellNow(ReplicaEvent event) {
  unwritten_events.push_back(MakeEvent(source, event, clock.Now()));
  Log(event.warning ? Level::kWarning : Level::kInfo, event.message, {{"reason", event.reason}});
  (void)Write(Plan());  // a failure is retried with the next one, and is a condition
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
  loop_->Post([loop = loop_.get()] {
    loop->LoadEntries();
    loop->Reconcile();
  });
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
