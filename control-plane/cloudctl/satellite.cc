// cloudctl satellite approve, deny and revoke.
#include <ostream>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "control-plane/cloudctl/output.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

struct Options {
  std::string name;
  std::string why;
  std::string output;
};

// The name of a request, or the name that its host asks for.
absl::StatusOr<std::string> FindRequest(Session& session, const std::string& name) {
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  v1::ListRequest list;
  list.set_kind("EnrollmentRequest");
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<v1::Resource> resources, client->List(list));
  std::vector<std::string> found;
  for (const v1::Resource& resource : resources) {
    const v1::EnrollmentRequest& request = resource.enrollment_request();
    if (request.metadata().name() == name) return name;
    const bool pending = request.status().phase().empty() || request.status().phase() == "Pending";
    if (pending && request.spec().satellite_name() == name) found.push_back(request.metadata().name());
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no host waits under the name ", name, "; see: cloudctl get enrollmentrequests"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(found.size(), " hosts wait under the name ", name,
                   "; compare fingerprints in cloudctl get enrollmentrequests -o wide "
                   "and name the request itself"));
}

// The name that the host got may differ from the one it asked for.
void PrintDecision(Session& session, const std::string& request, const v1::EnrollmentRequestSpec& spec,
                   bool approve) {
  session.out() << "enrollmentrequest/" << Printable(request) << (approve ? " approved" : " denied");
  if (approve && !spec.satellite_name().empty()) {
    session.out() << " as satellite " << Printable(spec.satellite_name()) << " of site "
                  << Printable(spec.site());
  }
  if (!spec.fingerprint().empty()) session.out() << ", fingerprint " << Printable(spec.fingerprint());
  session.out() << "\n";
}

absl::StatusOr<int> Decide(Session& session, const Options& options, bool approve) {
  PERIGEE_ASSIGN_OR_RETURN(const OutputForm form, ParseOutputForm(options.output));
  v1::DecideEnrollmentRequest request;
  PERIGEE_ASSIGN_OR_RETURN(*request.mutable_request(), FindRequest(session, options.name));
  request.set_approve(approve);
  request.set_why(options.why);
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  PERIGEE_ASSIGN_OR_RETURN(const v1::Resource resource, client->DecideEnrollment(request));
  if (!options.output.empty() && HasObject(resource)) {
    PERIGEE_RETURN_IF_ERROR(PrintObject(session, form, ObjectOf(resource)));
    return kDone;
  }
  PrintDecision(session, request.request(), resource.enrollment_request().spec(), approve);
  return kDone;
}

absl::StatusOr<int> Revoke(Session& session, const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const OutputForm form, ParseOutputForm(options.output));
  v1::RevokeSatelliteRequest request;
  request.set_name(options.name);
  request.set_why(options.why);
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  PERIGEE_ASSIGN_OR_RETURN(const v1::Resource resource, client->RevokeSatellite(request));
  if (!options.output.empty() && HasObject(resource)) {
    PERIGEE_RETURN_IF_ERROR(PrintObject(session, form, ObjectOf(resource)));
    return kDone;
  }
  session.out() << "satellite/" << Printable(options.name)
                << " revoked; its identity is never accepted again, what runs there keeps running\n";
  return kDone;
}

std::shared_ptr<Options> AddOptions(CLI::App& command, const char* what) {
  auto options = std::make_shared<Options>();
  command.add_option("name", options->name, what)->required()->type_name("NAME");
  command.add_option("--why", options->why, "kept with the decision")->type_name("TEXT");
  AddOutputOption(command, options->output);
  return options;
}

}  // namespace

void AddSatellite(CLI::App& app, Session& session) {
  CLI::App* satellite = app.add_subcommand("satellite", "Let hosts in, and out");
  satellite->require_subcommand(1);
  satellite->footer("Example:\n  cloudctl satellite approve berlin-1");
  CLI::App* approve = satellite->add_subcommand("approve", "Let a waiting host in");
  const auto approve_options = AddOptions(*approve, "of the request, or of the satellite it asks to be");
  approve->footer("Example:\n  cloudctl satellite approve berlin-1");
  approve->callback(
      [&session, approve_options] { session.Run([&] { return Decide(session, *approve_options, true); }); });
  CLI::App* deny = satellite->add_subcommand("deny", "Turn a waiting host away");
  const auto deny_options = AddOptions(*deny, "of the request, or of the satellite it asks to be");
  deny->footer("Example:\n  cloudctl satellite deny berlin-1 --why 'unknown fingerprint'");
  deny->callback(
      [&session, deny_options] { session.Run([&] { return Decide(session, *deny_options, false); }); });
  CLI::App* revoke = satellite->add_subcommand("revoke", "Never accept a satellite's identity again");
  const auto revoke_options = AddOptions(*revoke, "of the satellite");
  revoke->footer("Example:\n  cloudctl satellite revoke berlin-1 --why 'stolen'");
  revoke->callback(
      [&session, revoke_options] { session.Run([&] { return Revoke(session, *revoke_options); }); });
}

}  // namespace perigee::control
