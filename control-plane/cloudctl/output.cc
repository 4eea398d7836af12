#include "control-plane/cloudctl/output.h"

#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control-plane/cloudctl/columns.h"
#include "control-plane/cloudctl/jsonpath.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

Node ListNode(const std::vector<v1::Resource>& resources) {
  Node list = Node::Map();
  list.Add("apiVersion", Node::Quoted(std::string(kApiVersion)));
  list.Add("kind", Node::Quoted("List"));
  Node& items = list.Add("items", Node::List());
  for (const v1::Resource& resource : resources) items.items.push_back(ToNode(ObjectOf(resource)));
  return list;
}

void PrintTable(Session& session, const OutputForm& form, const KindInfo& kind,
                const std::vector<const google::protobuf::Message*>& objects) {
  const TableView view{.now = session.now,
                       .zone = session.zone,
                       .wide = form.type == OutputForm::Type::kWide,
                       .with_project = session.all_projects && kind.project_scoped};
  const auto columns = ColumnsOf(kind, view);
  Table table = MakeTable(columns);
  for (const auto* object : objects) AddObject(table, columns, *object);
  session.out() << table.Render(RenderingFor(session, form));
}

}  // namespace

bool IsTable(const OutputForm& form) {
  return form.type == OutputForm::Type::kTable || form.type == OutputForm::Type::kWide;
}

Rendering RenderingFor(const Session& session, const OutputForm& form) {
  Rendering rendering = session.rendering;
  rendering.everything = form.type == OutputForm::Type::kWide;
  return rendering;
}

absl::Status PrintNode(Session& session, const OutputForm& form, const Node& node) {
  if (form.type == OutputForm::Type::kYaml) {
    session.out() << NodeToYaml(node);
  } else if (form.type == OutputForm::Type::kJson) {
    session.out() << NodeToJson(node);
  } else {
    PERIGEE_ASSIGN_OR_RETURN(const std::string text, EvaluateJsonPath(form.path, node));
    // What a script takes apart is not escaped, unless a person is looking.
    session.out() << (session.rendering.colours ? PrintableLines(text) : text) << "\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<OutputForm> ParseOutputForm(const std::string& text) {
  using enum OutputForm::Type;
  if (text.empty() || text == "table") return OutputForm{kTable, ""};
  if (text == "wide") return OutputForm{kWide, ""};
  if (text == "yaml") return OutputForm{kYaml, ""};
  if (text == "json") return OutputForm{kJson, ""};
  if (text == "name") return OutputForm{kName, ""};
  if (absl::StartsWith(text, "jsonpath=")) {
    // Judged here: what is done only once, as a token, must not be lost by a bracket.
    PERIGEE_RETURN_IF_ERROR(EvaluateJsonPath(text.substr(9), Node::Map()));
    return OutputForm{kJsonPath, text.substr(9)};
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "-o ", text, ": output is one of table, wide, yaml, json, name, jsonpath='{.metadata.name}'"));
}

std::string ShortName(const v1::ObjectReference& reference) {
  return absl::StrCat(absl::AsciiStrToLower(reference.kind()), "/", reference.name());
}

std::string ShortName(const google::protobuf::Message& object) {
  return ShortName(ReferenceTo(object));
}

absl::Status PrintObject(Session& session, const OutputForm& form, const google::protobuf::Message& object) {
  if (form.type == OutputForm::Type::kName) {
    session.out() << ShortName(object) << "\n";
  } else if (IsTable(form)) {
    PrintTable(session, form, KindOf(object), {&object});
  } else {
    return PrintNode(session, form, ToNode(object));
  }
  return absl::OkStatus();
}

absl::Status PrintList(Session& session, const OutputForm& form, const std::vector<v1::Resource>& resources) {
  PERIGEE_ASSERT(!IsTable(form));
  if (form.type != OutputForm::Type::kName) return PrintNode(session, form, ListNode(resources));
  for (const v1::Resource& resource : resources) session.out() << ShortName(ObjectOf(resource)) << "\n";
  return absl::OkStatus();
}

absl::Status PrintObjects(Session& session, const OutputForm& form, const KindInfo& kind,
                          const std::vector<v1::Resource>& resources) {
  if (!IsTable(form)) return PrintList(session, form, resources);
  if (resources.empty()) {
    const std::string where = kind.project_scoped && !session.all_projects
                                  ? absl::StrCat(" in project ", session.project(), " (all: -A)")
                                  : "";
    session.err() << "No " << kind.plural << where << ".\n";
    return absl::OkStatus();
  }
  std::vector<const google::protobuf::Message*> objects;
  for (const v1::Resource& resource : resources) objects.push_back(&ObjectOf(resource));
  PrintTable(session, form, kind, objects);
  return absl::OkStatus();
}

CLI::Option* AddLimitOption(CLI::App& command, size_t& limit, const char* what) {
  return command.add_option("--limit", limit, what)->check(CLI::PositiveNumber)->type_name("COUNT");
}

void AddOutputOption(CLI::App& command, std::string& text) {
  command.add_option("-o,--output", text, "table, wide, yaml, json, name or jsonpath='{.metadata.name}'")
      ->type_name("FORM");
}

}  // namespace perigee::control
