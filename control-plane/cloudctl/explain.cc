// cloudctl explain: why it is not as asked, and what to do next.
#include <ostream>

#include "CLI/App.hpp"
#include "control-plane/cloudctl/session.h"
#include "control-plane/cloudctl/times.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"

namespace perigee::control {
namespace {

constexpr size_t kIndent = 11;  // below the reason, behind the mark

Tone ToneOf(const std::string& severity) {
  if (severity == "ok") return Tone::kGood;
  return severity == "waiting" ? Tone::kWarn : Tone::kBad;
}

void Print(Session& session, const v1::ExplainResponse::Finding& finding) {
  std::ostream& out = session.out();
  const char* mark = finding.severity() == "ok"        ? "  ok       "
                     : finding.severity() == "waiting" ? "  waiting  "
                                                       : "  problem  ";
  out << Coloured(mark, ToneOf(finding.severity()), session.rendering)
      << (finding.where().empty() ? "" : Printable(finding.where()) + ": ") << Printable(finding.reason());
  const std::string age = AgeText(finding.since(), session.now);
  if (!age.empty()) out << ", for " << age;
  out << "\n";
  const std::string indent(kIndent, ' ');
  if (!finding.message().empty()) out << Hanging(indent, Printable(finding.message()), session.rendering);
  std::string next = finding.next_step();
  const ReasonInfo* info = FindReason(finding.reason());
  if (next.empty() && info != nullptr) next = std::string(info->next_step);
  if (!next.empty() && finding.severity() != "ok")
    out << Hanging(indent + "Next: ", Printable(next), session.rendering);
}

absl::StatusOr<int> Explain(Session& session, const std::vector<std::string>& words) {
  PERIGEE_ASSIGN_OR_RETURN(const Target target, ParseObjectTarget(words));
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  v1::ExplainRequest request;
  request.set_kind(target.kind->kind);
  request.set_project(session.ProjectForObject(*target.kind));
  request.set_name(target.name);
  PERIGEE_ASSIGN_OR_RETURN(const v1::ExplainResponse response, client->Explain(request));
  session.out() << Hanging("", Printable(response.summary()), session.rendering);
  for (const auto& finding : response.findings()) Print(session, finding);
  return kDone;
}

}  // namespace

void AddExplain(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("explain", "Say why an object is not as asked, and what to do next");
  auto target = std::make_shared<std::vector<std::string>>();
  command->add_option("target", *target, "KIND/NAME or KIND NAME")->required()->type_name("KIND/NAME");
  command->footer("Example:\n  cloudctl explain workload/web");
  command->callback([&session, target] { session.Run([&] { return Explain(session, *target); }); });
}

}  // namespace perigee::control
