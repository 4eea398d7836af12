#include <utility>

#include "google/protobuf/util/message_differencer.h"
#include "satellite/agent/launch.h"
#include "satellite/agent/reconcile_inside.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/telemetry/log.h"

namespace perigee::satellite {
namespace {

constexpr size_t kUnwrittenEvents = limits::kOutboxEvents / 10;

}  // namespace

// ---- One round.

// What another agent started through this launcher has its logs elsewhere. It is left alone.
void ReconcileLoop::Loop::FindStrangers() {
  strangers.clear();
  for (const auto& [id, now] : observed) {
    const bool known = books.contains(id) || desired->wanted.contains(id) || desired->entries.contains(id);
    if (!known && !FileExists(LogDirectory(config.site.data_dir, id))) strangers.insert(id);
  }
}

void ReconcileLoop::Loop::Reconcile() {
  FindStrangers();
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
  for (const ReplicaBook& book : plan.books) {
    ReplicaBook& known = books[book.id];
    if (known.unnamed && !book.unnamed) reported.erase(book.id);  // what was kept back is said now
    known = book;
  }
  const bool written = Write(plan);
  for (const std::string& id : plan.forgets) Forget(id);
  for (const ReplicaAction& action : plan.actions) {
    if (MayAct(action, written)) Dispatch(action);
  }
  if (written && !plan.books.empty()) CollectKept();
  ReportStatuses(plan);
  ReportConditions();
  Publish();
  ArmWake(plan.wake);
}

void ReconcileLoop::Loop::Forget(const std::string& id) {
  // Its end is confirmed by nobody, so what it left behind goes now.
  absl::Status status = books.at(id).unnamed ? RemoveLogs(config.site.data_dir, id) : absl::OkStatus();
  status.Update(state.DeleteBook(id));
  if (!status.ok()) state_problem = std::string(status.message());
  books.erase(id);
  reported.erase(id);
}

v1::Event ReconcileLoop::Loop::EventOf(const std::string& id, const ReplicaEvent& event) const {
  auto book = books.find(id);
  if (book != books.end() && book->second.unnamed) {
    return MakeEvent(source, {event.reason, absl::StrCat("replica ", id, ": ", event.message), event.warning},
                     clock.Now());
  }
  const v1::ReplicaEntry* entry = EntryOf(*desired, id, book != books.end() ? book->second.current : "");
  return MakeReplicaEvent(source, id, entry, event, clock.Now());
}

bool ReconcileLoop::Loop::Write(const Plan& plan) {
  for (const ReplicaBook& book : plan.books) unwritten_books[book.id] = book;
  for (const auto& [id, event] : plan.events) {
    unwritten_events.push_back(EventOf(id, event));
    const std::string& name = unwritten_events.back().object().name();
    Log(event.warning ? Level::kWarning : Level::kInfo, event.message,
        {{"replica", name.empty() ? id : name}, {"reason", event.reason}});
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
    WriteAgainSoon();
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

// One at a time: every round that cannot write asks for it.
void ReconcileLoop::Loop::WriteAgainSoon() {
  if (std::exchange(write_again_armed, true)) return;
  executor->PostAfter(config.retry, [this] {
    write_again_armed = false;
    if (!stopping) Reconcile();
  });
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
  if (absl::Status read = LoadEntries(); !read.ok()) LoadAgainSoon(read);
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
    if (auto book = books.find(id); book != books.end() && book->second.unnamed) continue;
    changed.replicas.push_back(status);
  }
  everything_reported = true;
  if (!changed.replicas.empty() || changed.everything) hooks.report(std::move(changed));
}

void ReconcileLoop::Loop::ReportConditions() {
  std::vector<v1::Condition> now =
      MakeConditions({.launcher_problem = launcher_problem,
                      .state_problem = read_problem.empty() ? state_problem : read_problem,
                      .observed = &observed,
                      .strangers = strangers},
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
  // Before anything was seen (the launcher may be away) what was last recorded is better than nothing.
  for (const auto& [id, book] : books) {
    if (!everything_reported && !book.gone)
      now.replicas.push_back(RowOfBook(book, EntryOf(*desired, id, book.current)));
  }
  absl::MutexLock lock(&view_mutex);
  view = std::move(now);
}

void ReconcileLoop::Loop::ArmWake(absl::Duration at) {
  const absl::Duration now = Now();
  if (at == absl::InfiniteDuration() || (wake_armed > now && wake_armed <= at)) return;
  wake_armed = std::max(at, now);
  executor->PostAfter(wake_armed - now, [this, armed = ++wake] {
    if (armed != wake) return;
    wake_armed = absl::InfiniteDuration();
    if (!stopping) Reconcile();
  });
}

absl::Status ReconcileLoop::Loop::MarkRestart(const std::string& id) {
  if (!loaded) {
    return absl::UnavailableError(absl::StrCat("nothing is known of ", id, " yet: ", read_problem,
                                               "; it is tried again, so try later"));
  }
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
    if (status.ok()) status = RemoveLogs(config.site.data_dir, id);
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

}  // namespace perigee::satellite
