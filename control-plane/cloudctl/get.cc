// cloudctl get: one object or a list, once or as it changes.
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "control-plane/cloudctl/output.h"
#include "control-plane/cloudctl/watch.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

struct Options {
  std::vector<std::string> target;
  std::string output;
  std::string selector;
  size_t limit = Client::kAll;
  bool watch = false;
};

// "sites" or "sites,satellites".
absl::StatusOr<std::vector<const KindInfo*>> ParseKinds(const std::string& word) {
  std::vector<const KindInfo*> kinds;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(word, ','))) {
    PERIGEE_ASSIGN_OR_RETURN(const Target target, ParseTarget({part}));
    kinds.push_back(target.kind);
  }
  return kinds;
}

absl::StatusOr<std::vector<v1::Resource>> ListOf(Session& session, const KindInfo& kind,
                                                 const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  v1::ListRequest request;
  request.set_kind(kind.kind);
  request.set_project(session.ProjectFor(kind));
  request.set_selector(options.selector);
  return client->List(request, options.limit);
}

// A table for each kind, or one List of all.
absl::Status GetKinds(Session& session, const OutputForm& form, const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const auto kinds, ParseKinds(options.target[0]));
  std::vector<v1::Resource> all;
  bool printed = false;
  for (const KindInfo* kind : kinds) {
    PERIGEE_ASSIGN_OR_RETURN(const auto resources, ListOf(session, *kind, options));
    if (IsTable(form)) {
      if (printed && !resources.empty()) session.out() << "\n";
      PERIGEE_RETURN_IF_ERROR(PrintObjects(session, form, *kind, resources));
      printed = printed || !resources.empty();
    }
    all.insert(all.end(), resources.begin(), resources.end());
  }
  return IsTable(form) ? absl::OkStatus() : PrintList(session, form, all);
}

absl::Status GetOne(Session& session, const OutputForm& form, const Target& target, const Options& options) {
  if (!options.selector.empty() || options.limit != Client::kAll) {
    return absl::InvalidArgumentError("--selector and --limit are for lists; leave them out, or the name");
  }
  PERIGEE_ASSIGN_OR_RETURN(const v1::Resource resource, session.GetObject(target));
  return PrintObject(session, form, ObjectOf(resource));
}

absl::StatusOr<int> Get(Session& session, const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const OutputForm form, ParseOutputForm(options.output));
  if (!options.watch && options.target.size() == 1 && !absl::StrContains(options.target[0], '/')) {
    PERIGEE_RETURN_IF_ERROR(GetKinds(session, form, options));
    return kDone;
  }
  if (absl::StrContains(options.target[0], ',')) {
    return absl::InvalidArgumentError("several kinds are listed only; name and watch one at a time");
  }
  PERIGEE_ASSIGN_OR_RETURN(const Target target, ParseTarget(options.target));
  PERIGEE_RETURN_IF_ERROR(
      options.watch ? Watch(session, form, {.target = target, .selector = options.selector, .about = {}})
                    : GetOne(session, form, target, options));
  return kDone;
}

}  // namespace

void AddGet(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("get", "Show objects: a list, or one by its name");
  auto options = std::make_shared<Options>();
  command->add_option("target", options->target, "KIND, KIND,KIND…, KIND NAME or KIND/NAME")
      ->required()
      ->type_name("KIND [NAME]");
  AddOutputOption(*command, options->output);
  command->add_option("-l,--selector", options->selector, "only objects whose labels match")
      ->type_name("SELECTOR");
  CLI::Option* watch =
      command->add_flag("-w,--watch", options->watch, "go on with each change, until Ctrl-C");
  AddLimitOption(*command, options->limit, "only the first so many; of events and auditrecords the newest")
      ->excludes(watch);
  command->footer(
      "Examples:\n"
      "  cloudctl get satellites\n"
      "  cloudctl get workload/web -o yaml\n"
      "  cloudctl get sites -l country=de -o jsonpath='{.items[*].metadata.name}'\n"
      "  cloudctl get workloads,configs -o yaml\n"
      "  cloudctl get auditrecords --limit 20\n"
      "  cloudctl get assignments -A -w");
  command->callback([&session, options] { session.Run([&] { return Get(session, *options); }); });
}

}  // namespace perigee::control
