#include "control-plane/cloudctl/cloudctl.h"

#include <algorithm>
#include <ostream>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "shared/resource/field_path.h"

namespace perigee::control {
namespace {

void AddAll(CLI::App& app, Session& session) {
  app.set_version_flag("--version", std::string("cloudctl ") + PERIGEE_VERSION);
  app.require_subcommand(1);
  // Options of the cloud may stand behind the command too.
  app.fallthrough();
  app.add_option("--context", session.context_name, "which control plane (cloudctl context list)")
      ->type_name("NAME");
  app.add_option("-p,--project", session.project_option, "project (else the context's, else default)")
      ->type_name("NAME");
  app.add_flag("-A,--all-projects", session.all_projects, "objects of all projects");
  app.footer(
      "Examples:\n"
      "  cloudctl apply -f web.yaml\n"
      "  cloudctl get workloads\n"
      "  cloudctl explain workload/web");
  AddLogin(app, session);
  AddWhoami(app, session);
  AddGet(app, session);
  AddDescribe(app, session);
  AddExplain(app, session);
  AddFields(app, session);
  AddApply(app, session);
  AddDiff(app, session);
  AddDelete(app, session);
  AddEvents(app, session);
  AddToken(app, session);
  AddSatellite(app, session);
  AddContext(app, session);
  AddCompletion(app, session);
}

bool IsCommand(const CLI::App& app, const std::string& word) {
  return !app.get_subcommands([&](const CLI::App* command) { return command->get_name() == word; }).empty();
}

// The first word that is neither an option nor the value of one, when no command has that name.
std::string UnknownCommand(const CLI::App& app, const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--context" || word == "-p" || word == "--project") {
      ++i;
    } else if (word.empty() || word[0] != '-') {
      return IsCommand(app, word) ? "" : word;
    }
  }
  return "";
}

std::string NearestCommand(const CLI::App& app, const std::string& word) {
  constexpr size_t kLimit = 2;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (EditDistance(word, command->get_name(), kLimit) <= kLimit) return command->get_name();
  }
  return "";
}

int RefuseCommand(const CLI::App& app, const std::string& word, Session& session) {
  const std::string nearest = NearestCommand(app, word);
  session.err() << "error: there is no command " << Printable(word)
                << (nearest.empty() ? "" : " (did you mean " + nearest + "?)") << "; see: cloudctl --help\n";
  return kFailed;
}

}  // namespace

int RunCloudctl(std::vector<std::string> arguments, Session& session) {
  CLI::App app("cloudctl: many sites as one cloud", "cloudctl");
  AddAll(app, session);
  if (const std::string word = UnknownCommand(app, arguments); !word.empty())
    return RefuseCommand(app, word, session);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    session.out() << app.help() << "\n";
    return kDone;
  } catch (const CLI::ParseError& e) {
    return app.exit(e, session.out(), session.err()) == 0 ? kDone : kFailed;
  }
  session.out().flush();
  if (!session.out().good()) return kFailed;
  return session.exit_code;
}

}  // namespace perigee::control
