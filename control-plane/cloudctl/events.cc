// cloudctl events: what happened, by the clock of the site and by the clock of the centre.
#include <algorithm>
#include "CLI/App.hpp"
#include "control-plane/cloudctl/output.h"
#include "control-plane/cloudctl/watch.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

struct Options {
  std::vector<std::string> about;
  std::string output;
  bool watch = false;
};

absl::StatusOr<std::string> UidOf(Session& session, const std::vector<std::string>& words) {
  PERIGEE_ASSIGN_OR_RETURN(const Target target, ParseObjectTarget(words));
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  v1::GetRequest request;
  request.set_kind(target.kind->kind);
  request.set_project(session.ProjectForObject(*target.kind));
  request.set_name(target.name);
  PERIGEE_ASSIGN_OR_RETURN(const v1::Resource resource, client->Get(request));
  if (!HasObject(resource)) return absl::InternalError("the control plane answered without an object");
  return MetaOf(ObjectOf(resource)).uid();
}

absl::StatusOr<int> Events(Session& session, const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const OutputForm form, ParseOutputForm(options.output));
  if (options.watch) {
    PERIGEE_RETURN_IF_ERROR(Watch(session, form, {.kind = FindKind("Event"), .name = ""}, ""));
    return kDone;
  }
  v1::ListRequest request;
  request.set_kind("Event");
  if (!options.about.empty()) {
    PERIGEE_ASSIGN_OR_RETURN(*request.mutable_field_object_uid(), UidOf(session, options.about));
  }
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  PERIGEE_ASSIGN_OR_RETURN(std::vector<v1::Resource> events, client->List(request));
  std::reverse(events.begin(), events.end());  // by arrival: the clocks may have jumped
  PERIGEE_RETURN_IF_ERROR(PrintObjects(session, form, *FindKind("Event"), events));
  return kDone;
}

}  // namespace

void AddEvents(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("events", "Show what happened, oldest first");
  auto options = std::make_shared<Options>();
  CLI::Option* about = command->add_option("target", options->about, "only about this object");
  about->type_name("KIND/NAME");
  // The server follows a kind, not one object's events and those of its replicas.
  command->add_flag("-w,--watch", options->watch, "go on with each event, until Ctrl-C")->excludes(about);
  AddOutputOption(*command, options->output);
  command->footer(
      "SITE TIME is when it happened by the clock of the site, CENTRE TIME when the control plane heard of "
      "it.\n"
      "Examples:\n  cloudctl events\n  cloudctl events workload/web -o wide\n  cloudctl events -w");
  command->callback([&session, options] { session.Run([&] { return Events(session, *options); }); });
}

}  // namespace perigee::control
