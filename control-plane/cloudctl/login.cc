// cloudctl login and whoami.
#include "shared/client/login.h"

#include <istream>
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control-plane/cloudctl/session.h"
#include "control-plane/cloudctl/times.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/validate.h"

namespace perigee::control {
namespace {

struct Options {
  std::string server;
  std::string ca_hash;
  std::string user = "admin";
  std::string password_file;
};

absl::StatusOr<std::string> ReadPassword(Session& session, const std::string& path) {
  std::string text;
  if (path == "-") {
    std::getline(session.in(), text);
  } else {
    PERIGEE_ASSIGN_OR_RETURN(text, ReadFile(path, limits::kTokenFileBytes));
  }
  text.resize(text.find_last_not_of("\r\n") + 1);
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": the password is empty"));
  return text;
}

absl::StatusOr<int> LogIn(Session& session, const Options& options) {
  const std::string name = session.context_name.empty() ? "default" : session.context_name;
  PERIGEE_RETURN_IF_ERROR(Annotate(ValidateName(name), "--context"));
  PERIGEE_ASSIGN_OR_RETURN(const std::string path, ContextFilePath());
  PERIGEE_ASSIGN_OR_RETURN(ContextFile file, LoadContextFile(path));
  PERIGEE_ASSIGN_OR_RETURN(const std::string password, ReadPassword(session, options.password_file));
  PERIGEE_ASSIGN_OR_RETURN(LoginResult result,
                           Login({options.server, options.ca_hash, options.user, password}));
  result.context.name = name;
  const Context* before = file.Find(name);
  result.context.project = !session.project_option.empty() ? session.project_option
                           : before                        ? before->project
                                                           : "";
  PERIGEE_RETURN_IF_ERROR(SaveCredentials(file, result.context, result.credentials));
  file.Put(result.context);
  file.current = name;
  PERIGEE_RETURN_IF_ERROR(SaveContextFile(file));
  session.out() << "Logged in to " << Printable(options.server) << " as " << Printable(options.user)
                << " until " << absl::FormatTime("%Y-%m-%d %H:%M", result.not_after, session.zone)
                << " (context " << name << ").\n";
  return kDone;
}

absl::StatusOr<int> Whoami(Session& session) {
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  PERIGEE_ASSIGN_OR_RETURN(const v1::WhoamiResponse me, client->Whoami());
  session.out() << "Subject: " << Printable(me.subject())
                << "\nRoles:   " << Printable(absl::StrJoin(me.roles(), ", "))
                << "\nUntil:   " << ExactText(me.not_after(), session.zone) << "\n";
  const auto context = session.context();
  if (context.ok())
    session.out() << "Context: " << context->name << " (" << Printable(context->server) << ")\n";
  session.out() << "Server:  " << Printable(me.server_version()) << "\nClient:  " << PERIGEE_VERSION << "\n";
  return kDone;
}

}  // namespace

void AddLogin(CLI::App& app, Session& session) {
  CLI::App* command =
      app.add_subcommand("login", "Exchange a password for a client certificate of some hours");
  auto options = std::make_shared<Options>();
  command->add_option("server", options->server, "https://HOST:PORT of the control plane")
      ->required()
      ->type_name("URL");
  command
      ->add_option("--ca-hash", options->ca_hash, "hash of its root certificate, as it prints at its start")
      ->required()
      ->type_name("sha256:HEX");
  command->add_option("--user", options->user, "name of the user (admin)")->type_name("NAME");
  command
      ->add_option("--password-file", options->password_file,
                   "file with the password, or - for standard input")
      ->required()
      ->type_name("FILE");
  command->footer(
      "Example:\n  cloudctl login https://198.51.100.7:7443 --ca-hash sha256:0f3a… --user admin "
      "--password-file admin-password");
  command->callback([&session, options] { session.Run([&] { return LogIn(session, *options); }); });
}

void AddWhoami(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("whoami", "Show as whom the control plane sees you");
  command->footer("Example:\n  cloudctl whoami");
  command->callback([&session] { session.Run([&] { return Whoami(session); }); });
}

}  // namespace perigee::control
