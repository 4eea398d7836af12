// cloudctl delete: by name, or what manifests name.
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "control-plane/cloudctl/files.h"
#include "control-plane/cloudctl/output.h"
#include "shared/base/status.h"
#include "shared/resource/manifest.h"

namespace perigee::control {
namespace {

struct Options {
  std::vector<std::string> target;
  std::vector<std::string> files;
  bool ignore_not_found = false;
};

absl::StatusOr<std::vector<v1::DeleteRequest>> FromFiles(Session& session,
                                                         const std::vector<std::string>& files) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<v1::Manifest> manifests, ReadManifests(session, files));
  const ParsedManifests parsed = ParseManifests({manifests.begin(), manifests.end()}, session.project());
  if (!parsed.errors.empty()) {
    PrintFieldErrors(session, {parsed.errors.begin(), parsed.errors.end()});
    return absl::InvalidArgumentError("nothing was deleted");
  }
  std::vector<v1::DeleteRequest> requests;
  // What was made last often needs what was made first.
  for (auto object = parsed.objects.rbegin(); object != parsed.objects.rend(); ++object) {
    const v1::ObjectReference reference = ReferenceTo(ObjectOf(object->resource));
    v1::DeleteRequest& request = requests.emplace_back();
    request.set_kind(reference.kind());
    request.set_project(reference.project());
    request.set_name(reference.name());
  }
  return requests;
}

absl::StatusOr<std::vector<v1::DeleteRequest>> Requests(Session& session, const Options& options) {
  if (options.target.empty() == options.files.empty()) {
    return absl::InvalidArgumentError(
        "name what to delete: cloudctl delete KIND NAME, or cloudctl delete -f FILE");
  }
  if (!options.files.empty()) return FromFiles(session, options.files);
  PERIGEE_ASSIGN_OR_RETURN(const Target target, ParseObjectTarget(options.target));
  v1::DeleteRequest request;
  request.set_kind(target.kind->kind);
  request.set_project(session.ProjectForObject(*target.kind));
  request.set_name(target.name);
  return std::vector<v1::DeleteRequest>{request};
}

absl::StatusOr<int> Delete(Session& session, const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<v1::DeleteRequest> requests, Requests(session, options));
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  for (const v1::DeleteRequest& request : requests) {
    v1::ObjectReference reference;
    reference.set_kind(request.kind());
    reference.set_name(request.name());
    const auto response = client->Delete(request);
    if (absl::IsNotFound(response.status()) && options.ignore_not_found) continue;
    PERIGEE_RETURN_IF_ERROR(response);
    session.out() << ShortName(reference)
                  << (response->waiting() ? " is being deleted; it goes when each satellite has let go of it"
                                          : " deleted")
                  << "\n";
  }
  return kDone;
}

}  // namespace

void AddDelete(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("delete", "Delete an object, or what manifests name");
  auto options = std::make_shared<Options>();
  command->add_option("target", options->target, "KIND NAME or KIND/NAME")->type_name("KIND NAME");
  command
      ->add_option("-f,--filename", options->files,
                   "file, directory, or - for standard input; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command->add_flag("--ignore-not-found", options->ignore_not_found, "what is not there is no error");
  command->footer("Examples:\n  cloudctl delete workload web\n  cloudctl delete -f web.yaml");
  command->callback([&session, options] { session.Run([&] { return Delete(session, *options); }); });
}

}  // namespace perigee::control
