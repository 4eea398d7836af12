// cloudctl get: one object or a list, once or as it changes.
#include "CLI/App.hpp"
#include "control-plane/cloudctl/output.h"
#include "control-plane/cloudctl/watch.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

struct Options {
  std::vector<std::string> target;
  std::string output;
  std::string selector;
  bool watch = false;
};

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
