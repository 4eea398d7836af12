#include "satellite/agent/reporting.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "satellite/agent/launch.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"
#include "shared/session/moment.h"

namespace perigee::satellite {
namespace {

struct Facet {
  std::string_view type;
  bool ok;
  std::string_view reason;
  std::string message;
};

std::string Join(const std::set<std::string>& words) {
  return absl::StrJoin(words, ", ");
}

std::vector<Facet> FacetsOf(const SatelliteFacets& facets) {
  std::set<std::string> isolation;
  std::set<std::string> limits;
  for (const auto& [id, observed] : *facets.observed) {
    for (const std::string& word : observed.missing) {
      (word == missing::kOwnUid || word == missing::kCgroup ? isolation : limits).insert(word);
    }
  }
  std::vector<Facet> list;
  const bool launcher = facets.launcher_problem.empty();
  list.push_back({"LauncherAvailable", launcher, launcher ? reason::kAsAsked : reason::kLauncherDown,
                  facets.launcher_problem});
  const bool state = facets.state_problem.empty();
  list.push_back(
      {"StateWritable", state, state ? reason::kAsAsked : reason::kStateNotWritable, facets.state_problem});
  list.push_back({"Isolated", isolation.empty(),
                  isolation.empty() ? reason::kIsolationComplete : reason::kIsolationMissing,
                  isolation.empty() ? "" : absl::StrCat("missing here: ", Join(isolation))});
  list.push_back({"LimitsEnforced", limits.empty(),
                  limits.empty() ? reason::kLimitsEnforced : reason::kLimitsNotEnforced,
                  limits.empty() ? "" : absl::StrCat("missing here: ", Join(limits))});
  const size_t others = facets.strangers.size();
  list.push_back({"RuntimeOwned", others == 0, others == 0 ? reason::kAsAsked : reason::kForeignReplicas,
                  others == 0 ? "" : absl::StrCat("left alone: ", Join(facets.strangers))});
  return list;
}

}  // namespace

v1::Event MakeEvent(const EventSource& source, const ReplicaEvent& event, absl::Time at) {
  v1::Event made;
  made.set_type(event.warning ? "Warning" : "Normal");
  made.set_reason(event.reason);
  made.set_message(event.message);
  made.set_site(source.site);
  made.set_satellite(source.satellite);
  *made.mutable_site_time() = ToTimestamp(at);
  made.set_boot_id(source.boot_id);
  return made;
}

const v1::ReplicaEntry* EntryOf(const Desired& desired, const std::string& id, const std::string& sha256) {
  auto versions = desired.entries.find(id);
  if (versions == desired.entries.end() || versions->second.empty()) return nullptr;
  auto exact = versions->second.find(sha256);
  return exact != versions->second.end() ? &exact->second : &versions->second.begin()->second;
}

v1::Event MakeReplicaEvent(const EventSource& source, const std::string& id, const v1::ReplicaEntry* entry,
                           const ReplicaEvent& event, absl::Time at) {
  v1::Event made = MakeEvent(source, event, at);
  v1::ObjectReference& object = *made.mutable_object();
  object.set_kind("Assignment");
  object.set_uid(id);
  if (entry != nullptr) {
    object.set_project(entry->project());
    object.set_name(ReplicaName(*entry));
  }
  return made;
}

std::vector<v1::Condition> MakeConditions(const SatelliteFacets& facets,
                                          const std::vector<v1::Condition>& before, absl::Time at) {
  std::vector<v1::Condition> conditions;
  for (Facet& facet : FacetsOf(facets)) {
    v1::Condition condition;
    condition.set_type(std::string(facet.type));
    condition.set_status(facet.ok ? "True" : "False");
    condition.set_reason(std::string(facet.reason));
    condition.set_message(std::move(facet.message));
    *condition.mutable_last_transition() = ToTimestamp(at);
    auto same = std::find_if(before.begin(), before.end(), [&](const v1::Condition& old) {
      return old.type() == condition.type() && old.status() == condition.status();
    });
    if (same != before.end()) *condition.mutable_last_transition() = same->last_transition();
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

std::vector<std::string> ProblemsOf(const std::vector<v1::Condition>& conditions) {
  std::vector<std::string> problems;
  for (const v1::Condition& condition : conditions) {
    if (condition.status() == "True") continue;
    const ReasonInfo* info = FindReason(condition.reason());
    std::string line = condition.reason();
    if (info != nullptr) absl::StrAppend(&line, ": ", ToAbsl(info->meaning));
    if (!condition.message().empty()) absl::StrAppend(&line, " (", condition.message(), ")");
    if (info != nullptr && !info->next_step.empty()) absl::StrAppend(&line, " ", ToAbsl(info->next_step));
    problems.push_back(std::move(line));
  }
  return problems;
}

LocalReplica RowOf(const std::string& id, const v1::ReplicaEntry* entry, const v1::ReplicaStatus& status) {
  LocalReplica row;
  row.id = id;
  row.name = entry != nullptr ? ReplicaName(*entry) : id;
  row.workload = entry != nullptr ? entry->workload() : "";
  row.project = entry != nullptr ? entry->project() : "";
  row.state = status.status().state();
  row.reason = status.status().reason();
  row.message = status.status().message();
  row.exit = status.status().exit();
  row.pid = status.status().pid();
  row.restarts = status.status().restarts();
  row.since = FromTimestamp(status.status().since());
  row.on_previous = status.status().on_previous();
  return row;
}

LocalReplica RowOfBook(const ReplicaBook& book, const v1::ReplicaEntry* entry) {
  v1::ReplicaStatus status;
  status.mutable_status()->set_state(book.state);
  status.mutable_status()->set_reason(book.reason);
  status.mutable_status()->set_restarts(book.restarts);
  status.mutable_status()->set_exit(book.last_exit);
  status.mutable_status()->set_on_previous(book.on_previous);
  *status.mutable_status()->mutable_since() = ToTimestamp(book.since);
  return RowOf(book.id, entry, status);
}

}  // namespace perigee::satellite
