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
  size_t limit = Client::kAll;
  bool watch = false;
};

absl::StatusOr<v1::ObjectReference> ObjectAbout(Session& session, const std::vector<std::string>& words) {
  if (words.empty()) return v1::ObjectReference();
  PERIGEE_ASSIGN_OR_RETURN(const Target target, ParseObjectTarget(words));
  PERIGEE_ASSIGN_OR_RETURN(const v1::Resource resource, session.GetObject(target));
  return ReferenceTo(ObjectOf(resource));
}

absl::StatusOr<int> Events(Session& session, const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const OutputForm form, ParseOutputForm(options.output));
  PERIGEE_ASSIGN_OR_RETURN(const v1::ObjectReference about, ObjectAbout(session, options.about));
  const KindInfo* kind = FindKind("Event");
  if (options.watch) {
    PERIGEE_RETURN_IF_ERROR(Watch(session, form, {.target = {.kind = kind}, .selector = "", .about = about}));
    return kDone;
  }
  v1::ListRequest request;
  request.set_kind(kind->kind);
  request.set_field_object_uid(about.uid());
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  PERIGEE_ASSIGN_OR_RETURN(std::vector<v1::Resource> events, client->List(request, options.limit));
  std::reverse(events.begin(), events.end());  // by arrival: the clocks may have jumped
  PERIGEE_RETURN_IF_ERROR(PrintObjects(session, form, *kind, events));
  return kDone;
}

}  // namespace

void AddEvents(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("events", "Show what happened, oldest first");
  auto options = std::make_shared<Options>();
  command->add_option("target", options->about, "only about this object and its replicas")
      ->type_name("KIND/NAME");
  CLI::Option* watch = command->add_flag("-w,--watch", options->watch, "go on with each event, until Ctrl-C");
  AddLimitOption(*command, options->limit, "only the newest so many")->excludes(watch);
  AddOutputOption(*command, options->output);
  command->footer(
      "SITE TIME is when it happened by the clock of the site, CENTRE TIME when the control plane heard of "
      "it.\n"
      "Examples:\n  cloudctl events\n  cloudctl events workload/web -o wide\n"
      "  cloudctl events workload/web -w\n  cloudctl events --limit 20");
  command->callback([&session, options] { session.Run([&] { return Events(session, *options); }); });
}

}  // namespace perigee::control
