// cloudctl get: one object or a list, once or as it changes.
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control-plane/cloudctl/columns.h"
#include "control-plane/cloudctl/output.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"

namespace perigee::control {
namespace {

struct Options {
  std::vector<std::string> target;
  std::string output;
  std::string selector;
  bool watch = false;
};

bool IsTable(const OutputForm& form) {
  return form.type == OutputForm::Type::kTable || form.type == OutputForm::Type::kWide;
}

// Prints what is there when the server has said all of it, then a line for each change.
class Watcher {
 public:
  Watcher(Session& session, OutputForm form, Target target)
      : session_(session),
        form_(std::move(form)),
        target_(std::move(target)),
        columns_(
            ColumnsOf(*target_.kind, {.now = session.now,
                                      .zone = session.zone,
                                      .wide = form_.type == OutputForm::Type::kWide,
                                      .with_project = session.all_projects && target_.kind->project_scoped})),
        table_(MakeTable(columns_)) {}

  absl::Status Take(const v1::WatchResponse& response) {
    if (response.type() == v1::WatchResponse::TYPE_SYNCED) {
      synced_ = true;
      if (IsTable(form_)) session_.out() << table_.Render(session_.rendering) << std::flush;
      return absl::OkStatus();
    }
    if (!HasObject(response.resource())) return absl::OkStatus();
    const auto& object = ObjectOf(response.resource());
    if (!target_.name.empty() && MetaOf(object).name() != target_.name) return absl::OkStatus();
    if (response.type() == v1::WatchResponse::TYPE_DELETE) {
      session_.out() << ShortName(object) << " deleted\n" << std::flush;
      return absl::OkStatus();
    }
    if (!IsTable(form_)) {
      if (form_.type == OutputForm::Type::kYaml) session_.out() << "---\n";
      PERIGEE_RETURN_IF_ERROR(PrintObject(session_, form_, object));
      session_.out() << std::flush;
      return absl::OkStatus();
    }
    AddRow(object);
    return absl::OkStatus();
  }

 private:
  // As wide as what was printed before, so that the columns stay under each other.
  void AddRow(const google::protobuf::Message& object) {
    if (!synced_) return AddObject(table_, columns_, object);
    Table longer = table_;
    AddObject(longer, columns_, object);
    const std::string text = longer.Render(session_.rendering);
    const std::string line = text.substr(text.rfind('\n', text.size() - 2) + 1);
    session_.out() << line << std::flush;
  }

  Session& session_;
  const OutputForm form_;
  const Target target_;
  const std::vector<ColumnSpec> columns_;
  Table table_;
  bool synced_ = false;
};

absl::Status Watch(Session& session, const OutputForm& form, const Target& target,
                   const std::string& selector) {
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  v1::WatchRequest request;
  request.add_kinds(target.kind->kind);
  request.set_project(session.ProjectFor(*target.kind));
  request.set_selector(selector);
  while (true) {
    Watcher watcher(session, form, target);
    absl::Status failure;
    const absl::Status ended = client->Watch(request, [&](const v1::WatchResponse& response) {
      failure = watcher.Take(response);
      return failure.ok() && session.out().good();
    });
    PERIGEE_RETURN_IF_ERROR(failure);
    // Cut off for lagging behind: begin again with what is.
    if (ended.code() != absl::StatusCode::kOutOfRange) return ended;
  }
}

absl::StatusOr<int> Get(Session& session, const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const OutputForm form, ParseOutputForm(options.output));
  PERIGEE_ASSIGN_OR_RETURN(const Target target, ParseTarget(options.target));
  if (options.watch) {
    PERIGEE_RETURN_IF_ERROR(Watch(session, form, target, options.selector));
    return kDone;
  }
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  if (target.name.empty()) {
    v1::ListRequest request;
    request.set_kind(target.kind->kind);
    request.set_project(session.ProjectFor(*target.kind));
    request.set_selector(options.selector);
    PERIGEE_ASSIGN_OR_RETURN(const auto resources, client->List(request));
    PERIGEE_RETURN_IF_ERROR(PrintObjects(session, form, *target.kind, resources));
    return kDone;
  }
  v1::GetRequest request;
  request.set_kind(target.kind->kind);
  request.set_project(session.ProjectForObject(*target.kind));
  request.set_name(target.name);
  PERIGEE_ASSIGN_OR_RETURN(const v1::Resource resource, client->Get(request));
  if (!HasObject(resource)) return absl::InternalError("the control plane answered without an object");
  PERIGEE_RETURN_IF_ERROR(PrintObject(session, form, ObjectOf(resource)));
  return kDone;
}

}  // namespace

void AddGet(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("get", "Show objects: a list, or one by its name");
  auto options = std::make_shared<Options>();
  command->add_option("target", options->target, "KIND, KIND NAME or KIND/NAME")
      ->required()
      ->type_name("KIND [NAME]");
  AddOutputOption(*command, options->output);
  command->add_option("-l,--selector", options->selector, "only objects whose labels match")
      ->type_name("SELECTOR");
  command->add_flag("-w,--watch", options->watch, "go on with each change, until Ctrl-C");
  command->footer(
      "Examples:\n"
      "  cloudctl get satellites\n"
      "  cloudctl get workload/web -o yaml\n"
      "  cloudctl get sites -l country=de -o jsonpath='{.items[*].metadata.name}'\n"
      "  cloudctl get assignments -A -w");
  command->callback([&session, options] { session.Run([&] { return Get(session, *options); }); });
}

}  // namespace perigee::control
