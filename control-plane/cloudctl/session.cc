#include "control-plane/cloudctl/session.h"

#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "shared/base/clock.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"

namespace perigee::control {
namespace {

absl::StatusOr<const KindInfo*> ServedKind(const std::string& word) {
  const KindInfo* kind = FindKind(word);
  if (kind == nullptr) {
    const std::string nearest = NearestKind(word);
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no kind ", word, nearest.empty() ? "" : absl::StrCat(" (did you mean ", nearest, "?)"),
        "; kinds are sites, satellites, projects, workloads, assignments, configs, secrets, events, "
        "workloadrevisions, enrollmenttokens, enrollmentrequests, auditrecords"));
  }
  if (!kind->not_yet.empty()) return absl::UnimplementedError(kind->not_yet);
  return kind;
}

}  // namespace

absl::StatusOr<Target> ParseTarget(const std::vector<std::string>& words) {
  if (words.empty()) return absl::InvalidArgumentError("name a kind, for example: cloudctl get workloads");
  Target target;
  const size_t slash = words[0].find('/');
  PERIGEE_ASSIGN_OR_RETURN(target.kind, ServedKind(words[0].substr(0, slash)));
  if (slash != std::string::npos) {
    target.name = words[0].substr(slash + 1);
    if (target.name.empty())
      return absl::InvalidArgumentError(absl::StrCat(words[0], ": the name is missing"));
  }
  const size_t most = slash == std::string::npos ? 2 : 1;
  if (words.size() > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("one object at a time, please: \"", words[most], "\" is too much"));
  }
  if (words.size() == 2) target.name = words[1];
  return target;
}

absl::StatusOr<Target> ParseObjectTarget(const std::vector<std::string>& words) {
  PERIGEE_ASSIGN_OR_RETURN(Target target, ParseTarget(words));
  if (target.name.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("name the object: ", absl::AsciiStrToLower(target.kind->kind), "/NAME; cloudctl get ",
                     target.kind->plural, " lists them"));
  }
  return target;
}

Session::Session(std::istream& in, std::ostream& out, std::ostream& err)
    : rendering(FitTerminal()),
      zone(absl::LocalTimeZone()),
      now(SystemClock().Now()),
      in_(in),
      out_(out),
      err_(err) {}

absl::StatusOr<Context> Session::context() {
  PERIGEE_ASSIGN_OR_RETURN(const std::string path, ContextFilePath());
  PERIGEE_ASSIGN_OR_RETURN(const ContextFile file, LoadContextFile(path));
  return ChooseContext(file, context_name);
}

absl::StatusOr<Client*> Session::client() {
  if (client_) return &*client_;
  PERIGEE_ASSIGN_OR_RETURN(const std::string path, ContextFilePath());
  PERIGEE_ASSIGN_OR_RETURN(const ContextFile file, LoadContextFile(path));
  PERIGEE_ASSIGN_OR_RETURN(const Context chosen, ChooseContext(file, context_name));
  PERIGEE_ASSIGN_OR_RETURN(const Credentials credentials, LoadCredentials(file, chosen));
  PERIGEE_ASSIGN_OR_RETURN(Client client, Connect(chosen, credentials));
  client_ = std::move(client);
  return &*client_;
}

std::string Session::project() {
  if (!project_option.empty()) return project_option;
  const auto chosen = context();
  return chosen.ok() && !chosen->project.empty() ? chosen->project : std::string(kDefaultProject);
}

std::string Session::ProjectFor(const KindInfo& kind) {
  return kind.project_scoped && !all_projects ? project() : "";
}

std::string Session::ProjectForObject(const KindInfo& kind) {
  return kind.project_scoped ? project() : "";
}

absl::StatusOr<v1::Resource> Session::GetObject(const Target& target) {
  PERIGEE_ASSIGN_OR_RETURN(Client * client, this->client());
  v1::GetRequest request;
  request.set_kind(target.kind->kind);
  request.set_project(ProjectForObject(*target.kind));
  request.set_name(target.name);
  PERIGEE_ASSIGN_OR_RETURN(v1::Resource resource, client->Get(request));
  if (!HasObject(resource)) return absl::InternalError("the control plane answered without an object");
  return resource;
}

void Session::Run(const std::function<absl::StatusOr<int>()>& command) {
  const absl::StatusOr<int> result = command();
  if (result.ok()) {
    exit_code = *result;
    return;
  }
  out_.flush();
  err_ << "error: " << PrintableLines(ToStd(result.status().message())) << "\n";
  exit_code = kFailed;
}

}  // namespace perigee::control
