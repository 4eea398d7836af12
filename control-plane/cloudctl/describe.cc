// cloudctl describe: one object whole, what it leads to, and what happened to it.
#include <algorithm>
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control-plane/cloudctl/columns.h"
#include "control-plane/cloudctl/output.h"
#include "control-plane/cloudctl/times.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/resource/node.h"
#include "shared/resource/reasons.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;

constexpr size_t kEventsShown = 20;
constexpr size_t kIndent = 2;

std::string Indented(const std::string& text) {
  std::string out;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!line.empty()) absl::StrAppend(&out, std::string(kIndent, ' '), line, "\n");
  }
  return out;
}

std::string IndentedTable(const Session& session, const Table& table) {
  Rendering rendering = session.rendering;
  if (rendering.width > kIndent) rendering.width -= kIndent;
  return Indented(table.Render(rendering));
}

void PrintSection(Session& session, const char* title, const Node* node) {
  if (node == nullptr || (node->members.empty() && node->items.empty())) return;
  session.out() << title << ":\n" << Indented(PrintableLines(NodeToYaml(*node)));
}

// The conditions of a status, whatever the kind.
std::vector<v1::Condition> ConditionsOf(const Message& object) {
  const auto* status = object.GetDescriptor()->FindFieldByName("status");
  if (status == nullptr || status->message_type() == nullptr) return {};
  const auto* conditions = status->message_type()->FindFieldByName("conditions");
  if (conditions == nullptr) return {};
  const Message& message = object.GetReflection()->GetMessage(object, status);
  std::vector<v1::Condition> found;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, conditions); ++i) {
    found.push_back(static_cast<const v1::Condition&>(
        message.GetReflection()->GetRepeatedMessage(message, conditions, i)));
  }
  return found;
}

void PrintConditions(Session& session, const Message& object) {
  const std::vector<v1::Condition> conditions = ConditionsOf(object);
  if (conditions.empty()) return;
  Table table({{"TYPE"}, {"STATUS"}, {"REASON"}, {"SINCE"}, {"MESSAGE", Column::kWraps}});
  for (const v1::Condition& condition : conditions) {
    const ReasonInfo* info = FindReason(condition.reason());
    const bool problem = info != nullptr && info->severity == Severity::kProblem;
    table.AddRow({{condition.type()},
                  {condition.status()},
                  {condition.reason(), problem ? Tone::kBad : Tone::kPlain},
                  {AgeText(condition.last_transition(), session.now)},
                  {condition.message()}});
  }
  session.out() << "Conditions:\n" << IndentedTable(session, table);
  for (const v1::Condition& condition : conditions) {
    const ReasonInfo* info = FindReason(condition.reason());
    if (info == nullptr || info->severity != Severity::kProblem || info->next_step.empty()) continue;
    session.out() << Hanging(absl::StrCat("  ", condition.reason(), ": "),
                             absl::StrCat(ToAbsl(info->meaning), " ", ToAbsl(info->next_step)),
                             session.rendering);
  }
}

void PrintHead(Session& session, const Message& object) {
  const v1::ObjectMeta& meta = MetaOf(object);
  std::ostream& out = session.out();
  out << "Kind:       " << KindOf(object).kind << "\nName:       " << Printable(meta.name()) << "\n";
  if (!meta.project().empty()) out << "Project:    " << Printable(meta.project()) << "\n";
  out << "Uid:        " << Printable(meta.uid()) << "\n";
  if (meta.generation() > 0) out << "Generation: " << meta.generation() << "\n";
  if (meta.has_created_at()) {
    out << "Created:    " << ExactText(meta.created_at(), session.zone) << " ("
        << AgeText(meta.created_at(), session.now) << " ago)\n";
  }
  if (meta.has_deleting_since()) {
    out << "Deleting:   since " << ExactText(meta.deleting_since(), session.zone)
        << ", until each satellite has let go of it\n";
  }
  if (const auto* satellite = dynamic_cast<const v1::Satellite*>(&object)) {
    out << "State:      " << ContactText(satellite->status(), session.now, session.zone) << "\n";
  }
  if (const auto* assignment = dynamic_cast<const v1::Assignment*>(&object)) {
    out << "State:      "
        << StateCell(assignment->status().state(), Tone::kPlain, assignment->status().freshness(),
                     session.now, session.zone)
               .text
        << "\n";
  }
}

absl::StatusOr<std::vector<v1::Resource>> ListAbout(Session& session, const char* kind,
                                                    const std::string& uid, size_t most = Client::kAll) {
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  v1::ListRequest request;
  request.set_kind(kind);
  request.set_field_object_uid(uid);
  return client->List(request, most);
}

absl::Status PrintReplicas(Session& session, const Message& object) {
  const std::string& kind = KindOf(object).kind;
  if (kind != "Workload" && kind != "Satellite" && kind != "Site") return absl::OkStatus();
  const std::string& uid = MetaOf(object).uid();
  PERIGEE_ASSIGN_OR_RETURN(std::vector<v1::Resource> all, ListAbout(session, "Assignment", uid));
  std::erase_if(all, [&](const v1::Resource& resource) {
    const v1::AssignmentSpec& spec = resource.assignment().spec();
    return spec.workload_uid() != uid && spec.satellite_uid() != uid && spec.site_uid() != uid;
  });
  if (all.empty()) return absl::OkStatus();
  const auto columns = ColumnsOf(*FindKind("Assignment"), {.now = session.now, .zone = session.zone});
  Table table = MakeTable(columns);
  for (const v1::Resource& resource : all) AddObject(table, columns, resource.assignment());
  session.out() << "Replicas:\n" << IndentedTable(session, table);
  return absl::OkStatus();
}

absl::Status PrintEvents(Session& session, const Message& object) {
  PERIGEE_ASSIGN_OR_RETURN(std::vector<v1::Resource> events,
                           ListAbout(session, "Event", MetaOf(object).uid(), kEventsShown));
  std::reverse(events.begin(), events.end());  // newest first until here
  if (events.empty()) {
    session.out() << "Events: none kept\n";
    return absl::OkStatus();
  }
  const auto columns = ColumnsOf(*FindKind("Event"), {.now = session.now, .zone = session.zone});
  Table table = MakeTable(columns);
  for (const v1::Resource& event : events) AddObject(table, columns, event.event());
  session.out() << "Events:\n" << IndentedTable(session, table);
  return absl::OkStatus();
}

void PrintSections(Session& session, const Node& node) {
  if (const Node* metadata = node.Find("metadata")) {
    PrintSection(session, "Labels", metadata->Find("labels"));
    PrintSection(session, "Annotations", metadata->Find("annotations"));
  }
  PrintSection(session, "Spec", node.Find("spec"));
  PrintSection(session, "Overrides", node.Find("operations"));
  if (const Node* status = node.Find("status")) {
    Node rest = *status;
    std::erase_if(rest.members, [](const Member& member) { return member.key == "conditions"; });
    PrintSection(session, "Status", &rest);
  }
}

absl::StatusOr<int> Describe(Session& session, const std::vector<std::string>& words) {
  PERIGEE_ASSIGN_OR_RETURN(const Target target, ParseObjectTarget(words));
  PERIGEE_ASSIGN_OR_RETURN(const v1::Resource resource, session.GetObject(target));
  const Message& object = ObjectOf(resource);
  PrintHead(session, object);
  PrintSections(session, ToNode(object));
  PrintConditions(session, object);
  PERIGEE_RETURN_IF_ERROR(PrintReplicas(session, object));
  PERIGEE_RETURN_IF_ERROR(PrintEvents(session, object));
  return kDone;
}

}  // namespace

void AddDescribe(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("describe", "Show one object whole: conditions, replicas, events");
  auto target = std::make_shared<std::vector<std::string>>();
  command->add_option("target", *target, "KIND NAME or KIND/NAME")->required()->type_name("KIND NAME");
  command->footer("Examples:\n  cloudctl describe workload web\n  cloudctl describe satellite/berlin-1");
  command->callback([&session, target] { session.Run([&] { return Describe(session, *target); }); });
}

}  // namespace perigee::control
