// cloudctl token create: what a host needs to come in.
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control-plane/cloudctl/output.h"
#include "shared/base/status.h"
#include "shared/resource/node.h"
#include "shared/resource/quantity.h"
#include "shared/resource/validate.h"

namespace perigee::control {
namespace {

struct Options {
  std::string site;
  std::string name;
  std::string ttl = "10m";
  int uses = 1;
  std::string approval = "manual";
  std::vector<std::string> labels;
  std::string output;
};

absl::StatusOr<v1::CreateEnrollmentTokenRequest> MakeRequest(const Options& options) {
  v1::CreateEnrollmentTokenRequest request;
  PERIGEE_RETURN_IF_ERROR(Annotate(ValidateName(options.site), "--site"));
  PERIGEE_RETURN_IF_ERROR(Annotate(ParseDuration(options.ttl).status(), "--ttl"));
  if (options.approval != "auto" && options.approval != "manual") {
    return absl::InvalidArgumentError("--approval is auto or manual");
  }
  if (options.uses < 1) return absl::InvalidArgumentError("--uses is at least 1");
  request.set_site(options.site);
  request.set_name(options.name);
  request.set_ttl(options.ttl);
  request.set_uses(options.uses);
  request.set_approval(options.approval);
  for (const std::string& label : options.labels) {
    const std::vector<std::string> parts = absl::StrSplit(label, absl::MaxSplits('=', 1));
    if (parts.size() != 2)
      return absl::InvalidArgumentError(absl::StrCat("--label ", label, ": write KEY=VALUE"));
    (*request.mutable_labels())[parts[0]] = parts[1];
  }
  return request;
}

// What to paste at the site. `echo` is the shell's own, so the token is in no process list.
std::string Lines(const std::string& token, const std::string& server, const std::string& ca_hash) {
  return absl::StrCat("echo ", token, " | perigee-satellite enroll --server ", server, " --ca-hash ", ca_hash,
                      " --token-file - --data-dir /var/lib/perigee --wait 10m\n",
                      "perigee-launcher --runtime-dir /run/perigee --agent-uid $(id -u) & ",
                      "perigee-satellite run --data-dir /var/lib/perigee --runtime-dir /run/perigee\n");
}

Node TokenNode(const v1::CreateEnrollmentTokenResponse& response, const std::string& server) {
  Node node = Node::Map();
  node.Add("token", Node::Quoted(response.token()));
  node.Add("server", Node::Quoted(server));
  node.Add("caHash", Node::Quoted(response.ca_hash()));
  if (HasObject(response.resource())) node.Add("enrollmentToken", ToNode(ObjectOf(response.resource())));
  return node;
}

std::string ServerFor(Session& session, const v1::CreateEnrollmentTokenResponse& response) {
  if (!response.https_endpoint().empty()) return response.https_endpoint();
  const auto context = session.context();
  return context.ok() ? context->server : "";
}

void PrintForPeople(Session& session, const Options& options,
                    const v1::CreateEnrollmentTokenResponse& response) {
  session.out() << "Token (shown once, for " << options.uses << (options.uses == 1 ? " host" : " hosts")
                << " of site " << Printable(options.site) << ", within " << options.ttl << "):\n\n  "
                << Printable(response.token()) << "\n\nAt the site:\n\n"
                << PrintableLines(Lines(response.token(), ServerFor(session, response), response.ca_hash()));
  if (options.approval == "manual") {
    session.out()
        << "\nThen approve the host here: cloudctl get enrollmentrequests; cloudctl satellite approve NAME\n";
  }
}

absl::StatusOr<int> Create(Session& session, const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const OutputForm form, ParseOutputForm(options.output));
  if (IsTable(form) && !options.output.empty()) {
    // A token does not fit into a line, and a table without it would lose it for good.
    return absl::InvalidArgumentError(
        "-o: a token is printed as yaml, json, name or jsonpath='{.token}', or without -o with the lines to "
        "paste");
  }
  PERIGEE_ASSIGN_OR_RETURN(const v1::CreateEnrollmentTokenRequest request, MakeRequest(options));
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  PERIGEE_ASSIGN_OR_RETURN(const auto response, client->CreateEnrollmentToken(request));
  if (IsTable(form)) {
    PrintForPeople(session, options, response);
  } else if (form.type == OutputForm::Type::kName) {
    session.out() << Printable(response.token()) << "\n";
  } else {
    PERIGEE_RETURN_IF_ERROR(PrintNode(session, form, TokenNode(response, ServerFor(session, response))));
  }
  return kDone;
}

}  // namespace

void AddToken(CLI::App& app, Session& session) {
  CLI::App* token = app.add_subcommand("token", "Tokens with which hosts enrol");
  token->require_subcommand(1);
  token->footer("Example:\n  cloudctl token create --site berlin");
  CLI::App* command = token->add_subcommand("create", "Create a token, and show what to paste at the site");
  auto options = std::make_shared<Options>();
  command->add_option("--site", options->site, "the site that the hosts belong to")
      ->required()
      ->type_name("SITE");
  command->add_option("--ttl", options->ttl, "how long it may be used, as 30m, 12h or 1d (10m)")
      ->type_name("DURATION");
  command->add_option("--uses", options->uses, "how many hosts it may enrol (1)")->type_name("COUNT");
  command
      ->add_option("--approval", options->approval,
                   "manual: a person approves each host (the default); auto: at once")
      ->type_name("auto|manual");
  command->add_option("--label", options->labels, "a label for the satellites; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  command->add_option("--name", options->name, "of the EnrollmentToken; chosen when left out")
      ->type_name("NAME");
  command
      ->add_option("-o,--output", options->output,
                   "yaml, json, name (the token alone) or jsonpath='{.token}'; it is shown only once")
      ->type_name("FORM");
  command->footer(
      "Examples:\n"
      "  cloudctl token create --site berlin\n"
      "  cloudctl token create --site berlin --ttl 1h --uses 20 --approval auto --label disk=ssd");
  command->callback([&session, options] { session.Run([&] { return Create(session, *options); }); });
}

}  // namespace perigee::control
