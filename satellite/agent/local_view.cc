#include "satellite/agent/local_view.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shared/base/status.h"
#include "shared/resource/replica_state.h"
#include "shared/table/table.h"

namespace perigee::satellite {
namespace {

std::string Text(const Record& record, const std::string& name) {
  auto it = record.find(name);
  return it == record.end() ? std::string() : it->second;
}

int64_t Number(const Record& record, const std::string& name) {
  int64_t number = 0;
  return absl::SimpleAtoi(Text(record, name), &number) ? number : 0;
}

std::string At(absl::Time time) {
  return absl::StrCat(absl::ToUnixNanos(time));
}

std::string EncodeReplica(const LocalReplica& replica) {
  return EncodeRecord({{"id", replica.id},
                       {"name", replica.name},
                       {"workload", replica.workload},
                       {"project", replica.project},
                       {"state", replica.state},
                       {"reason", replica.reason},
                       {"message", replica.message},
                       {"exit", replica.exit},
                       {"pid", absl::StrCat(replica.pid)},
                       {"restarts", absl::StrCat(replica.restarts)},
                       {"since", At(replica.since)},
                       {"on_previous", replica.on_previous ? "1" : "0"}});
}

absl::StatusOr<LocalReplica> DecodeReplica(const std::string& bytes) {
  PERIGEE_ASSIGN_OR_RETURN(Record record, DecodeRecord(bytes));
  return LocalReplica{.id = Text(record, "id"),
                      .name = Text(record, "name"),
                      .workload = Text(record, "workload"),
                      .project = Text(record, "project"),
                      .state = Text(record, "state"),
                      .reason = Text(record, "reason"),
                      .message = Text(record, "message"),
                      .exit = Text(record, "exit"),
                      .pid = Number(record, "pid"),
                      .restarts = static_cast<int32_t>(Number(record, "restarts")),
                      .since = absl::FromUnixNanos(Number(record, "since")),
                      .on_previous = Text(record, "on_previous") == "1"};
}

// "3d4h", "5m", "12s": two units at most.
std::string Age(absl::Duration age) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(age));
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (seconds < 7200) return absl::StrCat(seconds / 60, "m", seconds % 60, "s");
  if (seconds < 2 * 86400) return absl::StrCat(seconds / 3600, "h", seconds % 3600 / 60, "m");
  return absl::StrCat(seconds / 86400, "d", seconds % 86400 / 3600, "h");
}

Tone ToneOf(const std::string& state) {
  if (state == ReplicaStateName(ReplicaState::kReady) ||
      state == ReplicaStateName(ReplicaState::kSucceeded)) {
    return Tone::kGood;
  }
  if (state == ReplicaStateName(ReplicaState::kBackoff) || state == ReplicaStateName(ReplicaState::kFailed) ||
      state == ReplicaStateName(ReplicaState::kUnhealthy)) {
    return Tone::kBad;
  }
  return Tone::kWarn;
}

std::string LinkLine(const LocalView& view, absl::Time now) {
  if (!view.agent_running)
    return "agent not running; the replicas below are as last recorded, and go on without it";
  const std::string since =
      absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", view.link_since, absl::UTCTimeZone()), " (",
                   Age(now - view.link_since), ")");
  if (view.connected) return absl::StrCat("connected since ", since);
  return absl::StrCat("cut off since ", since, view.link_message.empty() ? "" : ": ", view.link_message,
                      "; workloads go on");
}

}  // namespace

Record EncodeView(const LocalView& view) {
  std::vector<std::string> replicas;
  for (const LocalReplica& replica : view.replicas) replicas.push_back(EncodeReplica(replica));
  return {{"satellite", view.satellite},
          {"site", view.site},
          {"connected", view.connected ? "1" : "0"},
          {"link_since", At(view.link_since)},
          {"link_message", view.link_message},
          {"sequence", absl::StrCat(view.sequence)},
          {"problems", EncodeList(view.problems)},
          {"replicas", EncodeList(replicas)}};
}

absl::StatusOr<LocalView> DecodeView(const Record& record) {
  LocalView view;
  view.satellite = Text(record, "satellite");
  view.site = Text(record, "site");
  view.connected = Text(record, "connected") == "1";
  view.link_since = absl::FromUnixNanos(Number(record, "link_since"));
  view.link_message = Text(record, "link_message");
  view.sequence = static_cast<uint64_t>(Number(record, "sequence"));
  PERIGEE_ASSIGN_OR_RETURN(view.problems, DecodeList(Text(record, "problems")));
  PERIGEE_ASSIGN_OR_RETURN(std::vector<std::string> replicas, DecodeList(Text(record, "replicas")));
  for (const std::string& bytes : replicas) {
    PERIGEE_ASSIGN_OR_RETURN(LocalReplica replica, DecodeReplica(bytes));
    view.replicas.push_back(std::move(replica));
  }
  return view;
}

absl::StatusOr<std::vector<LocalReplica>> FindReplicas(const LocalView& view, const std::string& name) {
  std::vector<LocalReplica> found;
  std::vector<std::string> names;
  for (const LocalReplica& replica : view.replicas) {
    names.push_back(replica.name);
    if (name.empty() || replica.id == name || replica.name == name || replica.workload == name)
      found.push_back(replica);
  }
  if (!found.empty()) return found;
  return absl::NotFoundError(absl::StrCat("no replica ",
                                          name.empty() ? "is here" : absl::StrCat("\"", name, "\" here"),
                                          names.empty() ? "" : "; there is: ", absl::StrJoin(names, ", ")));
}

std::string FormatView(const LocalView& view, absl::Time now) {
  std::string text = absl::StrCat("satellite ", Printable(view.satellite), " at site ", Printable(view.site),
                                  "\nlink:     ", Printable(LinkLine(view, now)), "\n");
  if (view.sequence > 0) absl::StrAppend(&text, "entries:  sequence ", view.sequence, "\n");
  for (const std::string& problem : view.problems)
    absl::StrAppend(&text, "problem:  ", Printable(problem), "\n");
  if (view.replicas.empty()) return absl::StrCat(text, "no replicas\n");
  Table table({{"REPLICA"},
               {"PROJECT"},
               {"STATE"},
               {"REASON"},
               {"RESTARTS", Column::kWhole, true},
               {"SINCE", Column::kWhole, true},
               {"PID", Column::kWhole, true},
               {"MESSAGE", Column::kShrinks}});
  for (const LocalReplica& replica : view.replicas) {
    table.AddRow({{replica.name},
                  {replica.project},
                  {replica.state, ToneOf(replica.state)},
                  {replica.reason},
                  {absl::StrCat(replica.restarts)},
                  {Age(now - replica.since)},
                  {replica.pid > 0 ? absl::StrCat(replica.pid) : "-"},
                  {replica.message}});
  }
  return absl::StrCat(text, "\n", table.Render(FitTerminal()));
}

}  // namespace perigee::satellite
