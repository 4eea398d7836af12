#include "control-plane/cloudctl/columns.h"

#include <algorithm>
#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control-plane/cloudctl/times.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;
using Texts = google::protobuf::Map<std::string, std::string>;

template <typename T>
using Maker = std::function<Cell(const T&)>;

// Collects the columns of one kind.
template <typename T>
class Columns {
 public:
  // Names, ids, words: never cut.
  Columns& Add(const char* title, Maker<T> cell) { return Put({title}, false, std::move(cell)); }
  Columns& Number(const char* title, Maker<T> cell) {
    return Put({title, Column::kWhole, /*right=*/true}, false, std::move(cell));
  }
  Columns& Shrinking(const char* title, Maker<T> cell) {
    return Put({title, Column::kShrinks}, false, std::move(cell));
  }
  Columns& Wrapping(const char* title, Maker<T> cell) {
    return Put({title, Column::kWraps}, false, std::move(cell));
  }
  Columns& Wide(const char* title, Maker<T> cell) { return Put({title}, true, std::move(cell)); }
  // The column before is left out where there is no room.
  Columns& Optional() {
    specs_.back().column.optional = true;
    return *this;
  }
  std::vector<ColumnSpec> Take() { return std::move(specs_); }

 private:
  Columns& Put(Column column, bool wide, Maker<T> cell) {
    specs_.push_back({std::move(column), wide, [cell = std::move(cell)](const Message& object) {
                        return cell(static_cast<const T&>(object));
                      }});
    return *this;
  }
  std::vector<ColumnSpec> specs_;
};

std::string Joined(const Texts& texts) {
  const std::map<std::string, std::string> sorted(texts.begin(), texts.end());
  return absl::StrJoin(sorted, ",", absl::PairFormatter("="));
}

std::string Keys(const Texts& texts) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : texts) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return absl::StrJoin(keys, ", ");
}

Tone ToneOf(const std::string& reason) {
  const ReasonInfo* info = FindReason(reason);
  if (info == nullptr) return Tone::kPlain;
  if (info->severity == Severity::kOk) return Tone::kGood;
  return info->severity == Severity::kWaiting ? Tone::kWarn : Tone::kBad;
}

Tone ToneOfState(const std::string& state) {
  if (state == "Ready" || state == "Succeeded") return Tone::kGood;
  if (state == "Unhealthy" || state == "Backoff" || state == "Failed") return Tone::kBad;
  return Tone::kPlain;
}

// The condition that says most about an object: the first that a person should know about.
template <typename T>
const v1::Condition* Telling(const T& status) {
  for (const v1::Condition& condition : status.conditions()) {
    const ReasonInfo* info = FindReason(condition.reason());
    if (info != nullptr && info->severity == Severity::kProblem) return &condition;
  }
  for (const v1::Condition& condition : status.conditions()) {
    if (condition.type() == "Ready") return &condition;
  }
  return status.conditions().empty() ? nullptr : &status.conditions(0);
}

template <typename T>
Cell ReasonCell(const T& status) {
  const v1::Condition* condition = Telling(status);
  return condition == nullptr ? Cell{} : Cell{condition->reason(), ToneOf(condition->reason())};
}

template <typename T>
Cell MessageCell(const T& status) {
  const v1::Condition* condition = Telling(status);
  return condition == nullptr ? Cell{} : Cell{condition->message()};
}

Cell OutOf(int have, int wanted) {
  return {absl::StrCat(have, "/", wanted), have < wanted ? Tone::kWarn : Tone::kPlain};
}

std::string Reference(const v1::ObjectReference& object) {
  return object.kind().empty() ? "" : absl::StrCat(absl::AsciiStrToLower(object.kind()), "/", object.name());
}

template <typename T>
Columns<T> Named(const TableView& view) {
  Columns<T> columns;
  if (view.with_project) columns.Add("PROJECT", [](const T& o) { return Cell{o.metadata().project()}; });
  columns.Add("NAME", [](const T& o) { return Cell{o.metadata().name()}; });
  return columns;
}

template <typename T>
Maker<T> Age(const TableView& view) {
  return [now = view.now](const T& o) {
    if (o.metadata().has_deleting_since()) {
      return Cell{absl::StrCat("deleting since ", AgeText(o.metadata().deleting_since(), now)), Tone::kWarn};
    }
    return Cell{AgeText(o.metadata().created_at(), now)};
  };
}

template <typename T>
Maker<T> LabelsCell() {
  return [](const T& o) { return Cell{Joined(o.metadata().labels())}; };
}

std::vector<ColumnSpec> SiteColumns(const TableView& view) {
  return Named<v1::Site>(view)
      .Shrinking("CITY", [](const v1::Site& o) { return Cell{o.spec().location().city()}; })
      .Wide("COUNTRY", [](const v1::Site& o) { return Cell{o.spec().location().country()}; })
      .Number("LIVE",
              [](const v1::Site& o) { return OutOf(o.status().satellites_live(), o.status().satellites()); })
      .Number("READY",
              [](const v1::Site& o) { return OutOf(o.status().replicas_ready(), o.status().replicas()); })
      .Wide("LABELS", LabelsCell<v1::Site>())
      .Wide("VALUES", [](const v1::Site& o) { return Cell{Joined(o.spec().values())}; })
      .Add("REASON", [](const v1::Site& o) { return ReasonCell(o.status()); })
      .Add("AGE", Age<v1::Site>(view))
      .Optional()
      .Take();
}

Cell SatelliteState(const v1::Satellite& o, const TableView& view) {
  if (o.operations().revoked().active()) return {"revoked", Tone::kBad};
  if (o.operations().quarantined().active()) return {"quarantined", Tone::kBad};
  std::string text = ContactText(o.status(), view.now, view.zone);
  if (o.operations().drain().active()) {
    text += ", draining";
  } else if (o.operations().cordon().active()) {
    text += ", cordoned";
  }
  return {text, o.status().freshness().state() == "live" ? Tone::kGood : Tone::kWarn};
}

std::vector<ColumnSpec> SatelliteColumns(const TableView& view) {
  using S = v1::Satellite;
  return Named<S>(view)
      .Add("SITE", [](const S& o) { return Cell{o.spec().site()}; })
      .Add("STATE", [view](const S& o) { return SatelliteState(o, view); })
      .Add("LAST CONTACT",
           [view](const S& o) { return Cell{ClockText(o.status().last_contact(), view.now, view.zone)}; })
      .Optional()
      .Wide("ADDRESS", [](const S& o) { return Cell{o.status().facts().address()}; })
      .Wide("PLATFORM", [](const S& o) { return Cell{o.status().facts().platform()}; })
      .Wide("AGENT", [](const S& o) { return Cell{o.status().facts().agent_version()}; })
      .Wide("CAPACITY", [](const S& o) { return Cell{Joined(o.status().facts().capacity())}; })
      .Wide("APPLIED",
            [](const S& o) {
              return Cell{absl::StrCat(o.status().applied_sequence(), "/", o.status().wanted_sequence())};
            })
      .Wide("LABELS", LabelsCell<S>())
      .Add("REASON", [](const S& o) { return ReasonCell(o.status()); })
      .Add("AGE", Age<S>(view))
      .Optional()
      .Take();
}

std::vector<ColumnSpec> TokenColumns(const TableView& view) {
  using T = v1::EnrollmentToken;
  return Named<T>(view)
      .Add("SITE", [](const T& o) { return Cell{o.spec().site()}; })
      .Add("APPROVAL", [](const T& o) { return Cell{o.spec().approval()}; })
      .Number("USES LEFT", [](const T& o) { return Cell{absl::StrCat(o.status().uses_left())}; })
      .Add("EXPIRES",
           [view](const T& o) {
             const bool over = ToTime(o.spec().expires_at()) < view.now;
             return Cell{
                 absl::StrCat(over ? "expired " : "", ClockText(o.spec().expires_at(), view.now, view.zone)),
                 over ? Tone::kWarn : Tone::kPlain};
           })
      .Wide("LABELS", [](const T& o) { return Cell{Joined(o.spec().labels())}; })
      .Add("AGE", Age<T>(view))
      .Optional()
      .Take();
}

std::vector<ColumnSpec> RequestColumns(const TableView& view) {
  using R = v1::EnrollmentRequest;
  return Named<R>(view)
      .Add("SITE", [](const R& o) { return Cell{o.spec().site()}; })
      .Add("SATELLITE", [](const R& o) { return Cell{o.spec().satellite_name()}; })
      .Add("PHASE",
           [](const R& o) {
             return Cell{o.status().phase(), o.status().phase() == "Pending" ? Tone::kWarn : Tone::kPlain};
           })
      .Wide("HOST", [](const R& o) { return Cell{o.status().facts().hostname()}; })
      .Wrapping("FINGERPRINT", [](const R& o) { return Cell{o.spec().fingerprint()}; })
      .Add("AGE", Age<R>(view))
      .Optional()
      .Take();
}

std::vector<ColumnSpec> WorkloadColumns(const TableView& view) {
  using W = v1::Workload;
  return Named<W>(view)
      .Number("READY", [](const W& o) { return OutOf(o.status().ready(), o.status().replicas()); })
      .Number("UPDATED", [](const W& o) { return OutOf(o.status().updated(), o.status().replicas()); })
      .Optional()
      .Number("STALE",
              [](const W& o) {
                return Cell{absl::StrCat(o.status().stale()),
                            o.status().stale() > 0 ? Tone::kWarn : Tone::kPlain};
              })
      .Optional()
      .Add("REASON", [](const W& o) { return ReasonCell(o.status()); })
      .Wrapping("MESSAGE", [](const W& o) { return MessageCell(o.status()); })
      .Wide("LABELS", LabelsCell<W>())
      .Add("AGE", Age<W>(view))
      .Optional()
      .Take();
}

std::vector<ColumnSpec> RevisionColumns(const TableView& view) {
  using R = v1::WorkloadRevision;
  return Named<R>(view)
      .Number("NUMBER", [](const R& o) { return Cell{absl::StrCat(o.spec().number())}; })
      .Wide("CONFIGS", [](const R& o) { return Cell{Keys(o.spec().config_versions())}; })
      .Wide("SECRETS", [](const R& o) { return Cell{Keys(o.spec().secret_versions())}; })
      .Wide("ASKED", [](const R& o) { return Cell{o.spec().asked_hash().substr(0, 12)}; })
      .Add("AGE", Age<R>(view))
      .Optional()
      .Take();
}

std::vector<ColumnSpec> AssignmentColumns(const TableView& view) {
  using A = v1::Assignment;
  return Named<A>(view)
      .Wide("WORKLOAD", [](const A& o) { return Cell{o.spec().workload()}; })
      .Add("SATELLITE", [](const A& o) { return Cell{o.spec().satellite()}; })
      .Wide("SITE", [](const A& o) { return Cell{o.spec().site()}; })
      .Add("STATE",
           [view](const A& o) {
             const std::string state =
                 absl::StrCat(o.status().state().empty() ? "Pending" : o.status().state(),
                              o.status().on_previous() ? " (previous)" : "");
             return StateCell(state, ToneOfState(o.status().state()), o.status().freshness(), view.now,
                              view.zone);
           })
      .Add("REASON", [](const A& o) { return Cell{o.status().reason(), ToneOf(o.status().reason())}; })
      .Number("RESTARTS", [](const A& o) { return Cell{absl::StrCat(o.status().restarts())}; })
      .Optional()
      .Wide("PID",
            [](const A& o) { return Cell{o.status().pid() == 0 ? "" : absl::StrCat(o.status().pid())}; })
      .Wide("PORTS", [](const A& o) { return Cell{absl::StrJoin(o.spec().host_ports(), ",")}; })
      .Wrapping("MESSAGE", [](const A& o) { return Cell{o.status().message()}; })
      .Add("SINCE", [view](const A& o) { return Cell{AgeText(o.status().since(), view.now)}; })
      .Optional()
      .Take();
}

std::vector<ColumnSpec> EventColumns(const TableView& view) {
  using E = v1::Event;
  return Columns<E>()
      .Add("SITE TIME", [view](const E& o) { return Cell{ExactText(o.site_time(), view.zone)}; })
      .Add("CENTRE TIME", [view](const E& o) { return Cell{ExactText(o.centre_time(), view.zone)}; })
      .Optional()
      .Wide("TYPE", [](const E& o) { return Cell{o.type()}; })
      .Add("REASON",
           [](const E& o) { return Cell{o.reason(), o.type() == "Warning" ? Tone::kWarn : Tone::kPlain}; })
      .Add("OBJECT", [](const E& o) { return Cell{Reference(o.object())}; })
      .Wide("SATELLITE", [](const E& o) { return Cell{o.satellite()}; })
      .Wrapping("MESSAGE", [](const E& o) { return Cell{o.message()}; })
      .Take();
}

std::vector<ColumnSpec> AuditColumns(const TableView& view) {
  using A = v1::AuditRecord;
  return Columns<A>()
      .Number("NUMBER", [](const A& o) { return Cell{absl::StrCat(o.sequence())}; })
      .Add("TIME", [view](const A& o) { return Cell{ExactText(o.at(), view.zone)}; })
      .Add("SUBJECT", [](const A& o) { return Cell{o.subject()}; })
      .Add("VERB", [](const A& o) { return Cell{o.verb()}; })
      .Add("OBJECT", [](const A& o) { return Cell{Reference(o.object())}; })
      .Wide("SOURCE", [](const A& o) { return Cell{o.source()}; })
      .Wrapping("CHANGED", [](const A& o) { return Cell{absl::StrJoin(o.changed_fields(), ", ")}; })
      .Take();
}

std::vector<ColumnSpec> ConfigColumns(const TableView& view) {
  return Named<v1::Config>(view)
      .Wrapping("KEYS", [](const v1::Config& o) { return Cell{Keys(o.spec().data())}; })
      .Add("AGE", Age<v1::Config>(view))
      .Optional()
      .Take();
}

std::vector<ColumnSpec> SecretColumns(const TableView& view) {
  return Named<v1::Secret>(view)
      .Wrapping("KEYS", [](const v1::Secret& o) { return Cell{absl::StrJoin(o.status().keys(), ", ")}; })
      .Wide("VERSION", [](const v1::Secret& o) { return Cell{o.spec().version()}; })
      .Add("AGE", Age<v1::Secret>(view))
      .Optional()
      .Take();
}

std::vector<ColumnSpec> PlainColumns(const TableView& view) {
  std::vector<ColumnSpec> columns;
  columns.push_back({{"NAME"}, false, [](const Message& o) { return Cell{MetaOf(o).name()}; }});
  columns.push_back({{"AGE"}, false, [now = view.now](const Message& o) {
                       return Cell{AgeText(MetaOf(o).created_at(), now)};
                     }});
  return columns;
}

}  // namespace

std::vector<ColumnSpec> ColumnsOf(const KindInfo& kind, const TableView& view) {
  using Function = std::vector<ColumnSpec> (*)(const TableView&);
  static constexpr std::pair<std::string_view, Function> kTables[] = {
      {"Site", SiteColumns},
      {"Satellite", SatelliteColumns},
      {"EnrollmentToken", TokenColumns},
      {"EnrollmentRequest", RequestColumns},
      {"Workload", WorkloadColumns},
      {"WorkloadRevision", RevisionColumns},
      {"Assignment", AssignmentColumns},
      {"Event", EventColumns},
      {"AuditRecord", AuditColumns},
      {"Config", ConfigColumns},
      {"Secret", SecretColumns},
  };
  const auto found = std::find_if(std::begin(kTables), std::end(kTables),
                                  [&](const auto& row) { return row.first == kind.kind; });
  std::vector<ColumnSpec> columns = found == std::end(kTables) ? PlainColumns(view) : found->second(view);
  std::erase_if(columns, [&](const ColumnSpec& column) { return column.wide_only && !view.wide; });
  return columns;
}

Table MakeTable(const std::vector<ColumnSpec>& columns) {
  std::vector<Column> titles;
  for (const ColumnSpec& spec : columns) titles.push_back(spec.column);
  return Table(std::move(titles));
}

void AddObject(Table& table, const std::vector<ColumnSpec>& columns, const Message& object) {
  std::vector<Cell> cells;
  for (const ColumnSpec& spec : columns) cells.push_back(spec.cell(object));
  table.AddRow(std::move(cells));
}

}  // namespace perigee::control
