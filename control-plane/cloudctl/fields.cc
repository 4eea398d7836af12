// cloudctl fields: what may stand in a manifest, as this program knows the schema.
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "control-plane/cloudctl/session.h"
#include "shared/base/status.h"
#include "shared/resource/field_reference.h"

namespace perigee::control {
namespace {

absl::StatusOr<int> Fields(Session& session, const std::string& word) {
  const size_t dot = word.find('.');
  PERIGEE_ASSIGN_OR_RETURN(const Target target, ParseTarget({word.substr(0, dot)}));
  if (!target.name.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        word, ": fields are of a kind, not of one object: cloudctl fields ", target.kind->plural));
  }
  const std::string path = dot == std::string::npos ? "" : word.substr(dot + 1);
  if (dot != std::string::npos && path.empty())
    return absl::InvalidArgumentError(absl::StrCat(word, ": the field is missing after the dot"));
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<FieldRow> rows, FieldsOf(*target.kind, path));
  Table table({{"FIELD"}, {"TYPE"}, {"NOTE", Column::kWraps}});
  for (const FieldRow& row : rows) table.AddRow({{row.path}, {row.type}, {row.note}});
  session.out() << table.Render(session.rendering);
  return kDone;
}

}  // namespace

void AddFields(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("fields", "Show the fields of a kind: type, words, default");
  auto word = std::make_shared<std::string>();
  command->add_option("kind", *word, "KIND or KIND.FIELD")->required()->type_name("KIND[.FIELD]");
  command->footer(
      "In FIELD, [] is each element of a list and {} each key of a map. Texts of a Secret are written as "
      "they "
      "are, not\nas base64.\n"
      "Examples:\n"
      "  cloudctl fields workload\n"
      "  cloudctl fields workload.spec.template.tasks.health\n"
      "  cloudctl fields secret.spec");
  command->callback([&session, word] { session.Run([&] { return Fields(session, *word); }); });
}

}  // namespace perigee::control
