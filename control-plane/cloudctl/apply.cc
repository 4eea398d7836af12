// cloudctl apply and diff: the same question to the server, with and without doing it.
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control-plane/cloudctl/files.h"
#include "control-plane/cloudctl/output.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string output;
  std::string dry_run;
};

absl::StatusOr<v1::ApplyResponse> Send(Session& session, const std::vector<std::string>& files,
                                       bool dry_run) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<v1::Manifest> manifests, ReadManifests(session, files));
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  v1::ApplyRequest request;
  for (const v1::Manifest& manifest : manifests) *request.add_manifests() = manifest;
  request.set_default_project(session.project());
  request.set_dry_run(dry_run);
  return client->Apply(request);
}

void PrintWarnings(Session& session, const v1::ApplyResponse::Result& result) {
  for (const std::string& warning : result.warnings()) {
    session.err() << "warning: " << ShortName(result.object()) << ": " << Printable(warning) << "\n";
  }
}

// One object as itself, several as a List.
absl::Status PrintResources(Session& session, const OutputForm& form, const v1::ApplyResponse& response) {
  std::vector<v1::Resource> resources;
  for (const auto& result : response.results()) {
    if (!HasObject(result.resource()))
      return absl::InternalError("the control plane answered without an object");
    resources.push_back(result.resource());
  }
  if (resources.size() == 1) return PrintObject(session, form, ObjectOf(resources[0]));
  return PrintList(session, form, resources);
}

absl::StatusOr<int> Apply(Session& session, const Options& options) {
  if (!options.dry_run.empty() && options.dry_run != "server") {
    return absl::InvalidArgumentError("--dry-run knows one word: --dry-run=server");
  }
  const bool dry_run = !options.dry_run.empty();
  PERIGEE_ASSIGN_OR_RETURN(const OutputForm form, ParseOutputForm(options.output));
  PERIGEE_ASSIGN_OR_RETURN(const v1::ApplyResponse response, Send(session, options.files, dry_run));
  if (PrintFieldErrors(session, response.errors())) {
    session.err() << "error: nothing was applied\n";
    return kFailed;
  }
  for (const auto& result : response.results()) PrintWarnings(session, result);
  if (!IsTable(form) && form.type != OutputForm::Type::kName) {
    PERIGEE_RETURN_IF_ERROR(PrintResources(session, form, response));
    return kDone;
  }
  for (const auto& result : response.results()) {
    session.out() << ShortName(result.object());
    if (IsTable(form)) session.out() << " " << result.action() << (dry_run ? " (dry run)" : "");
    session.out() << "\n";
  }
  return kDone;
}

void PrintSide(Session& session, char sign, const std::string& text, Tone tone) {
  if (text.empty()) return;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::string marked = absl::StrCat("    ", std::string(1, sign), " ", Printable(std::string(line)));
    session.out() << Coloured(marked, tone, session.rendering) << "\n";
  }
}

absl::StatusOr<int> Diff(Session& session, const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const v1::ApplyResponse response, Send(session, options.files, /*dry_run=*/true));
  if (PrintFieldErrors(session, response.errors())) return kFailed;
  int code = kDone;
  for (const auto& result : response.results()) {
    PrintWarnings(session, result);
    if (result.action() == "unchanged") continue;
    code = kChanges;
    session.out() << ShortName(result.object())
                  << (result.action() == "created" ? " would be created" : " would change") << "\n";
    for (const v1::FieldChange& change : result.changes()) {
      session.out() << "  " << Printable(change.field()) << "\n";
      PrintSide(session, '-', change.before(), Tone::kBad);
      PrintSide(session, '+', change.after(), Tone::kGood);
    }
  }
  if (code == kDone) session.err() << "No changes.\n";
  return code;
}

}  // namespace

void AddApply(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("apply", "Make objects as the manifests ask, all or nothing");
  auto options = std::make_shared<Options>();
  command
      ->add_option("-f,--filename", options->files,
                   "file, directory, or - for standard input; may be repeated")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FILE");
  AddOutputOption(*command, options->output);
  command->add_option("--dry-run", options->dry_run, "server: only say what would be done")
      ->type_name("server");
  command->footer(
      "What may stand in a manifest: cloudctl fields KIND. Texts of a Secret are written as they are, not as "
      "base64.\n"
      "Examples:\n"
      "  cloudctl apply -f web.yaml\n"
      "  cloudctl apply -f sites/ --dry-run=server\n"
      "  sed s/blue/green/ web.yaml | cloudctl apply -f -");
  command->callback([&session, options] { session.Run([&] { return Apply(session, *options); }); });
}

void AddDiff(CLI::App& app, Session& session) {
  CLI::App* command =
      app.add_subcommand("diff", "Show what apply would change; exit code 2 when there is something");
  auto options = std::make_shared<Options>();
  command
      ->add_option("-f,--filename", options->files,
                   "file, directory, or - for standard input; may be repeated")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FILE");
  command->footer("Example:\n  cloudctl diff -f web.yaml");
  command->callback([&session, options] { session.Run([&] { return Diff(session, *options); }); });
}

}  // namespace perigee::control
