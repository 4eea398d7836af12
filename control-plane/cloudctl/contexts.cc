// cloudctl context list and use.
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "control-plane/cloudctl/session.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

absl::StatusOr<ContextFile> Load() {
  PERIGEE_ASSIGN_OR_RETURN(const std::string path, ContextFilePath());
  return LoadContextFile(path);
}

absl::StatusOr<int> List(Session& session) {
  PERIGEE_ASSIGN_OR_RETURN(const ContextFile file, Load());
  if (file.contexts.empty()) {
    session.err() << "No contexts in " << file.path << "; cloudctl login makes one.\n";
    return kDone;
  }
  Table table({{""}, {"NAME"}, {"USER"}, {"PROJECT"}, {"SERVER"}, {.title = "API", .optional = true}});
  for (const Context& context : file.contexts) {
    table.AddRow({{context.name == file.current ? "*" : ""},
                  {context.name},
                  {context.user},
                  {context.project.empty() ? std::string(kDefaultProject) : context.project},
                  {context.server},
                  {context.grpc}});
  }
  session.out() << table.Render(session.rendering);
  return kDone;
}

absl::StatusOr<int> Use(Session& session, const std::string& name) {
  PERIGEE_ASSIGN_OR_RETURN(ContextFile file, Load());
  PERIGEE_ASSIGN_OR_RETURN(Context context, ChooseContext(file, name));
  if (!session.project_option.empty()) context.project = session.project_option;
  file.Put(context);
  file.current = name;
  PERIGEE_RETURN_IF_ERROR(SaveContextFile(file));
  session.out() << "Using context " << name << ", project "
                << (context.project.empty() ? kDefaultProject : std::string_view(context.project)) << ".\n";
  return kDone;
}

}  // namespace

void AddContext(CLI::App& app, Session& session) {
  CLI::App* context = app.add_subcommand("context", "The control planes you are logged in to");
  context->require_subcommand(1);
  context->footer("Example:\n  cloudctl context list");
  CLI::App* list = context->add_subcommand("list", "Show them; * marks the current one");
  list->footer("Example:\n  cloudctl context list");
  list->callback([&session] { session.Run([&] { return List(session); }); });
  CLI::App* use = context->add_subcommand("use", "Change the current one; with -p its project too");
  auto name = std::make_shared<std::string>();
  use->add_option("name", *name, "of the context")->required()->type_name("NAME");
  use->footer("Examples:\n  cloudctl context use default\n  cloudctl context use default -p retail");
  use->callback([&session, name] { session.Run([&] { return Use(session, *name); }); });
}

}  // namespace perigee::control
