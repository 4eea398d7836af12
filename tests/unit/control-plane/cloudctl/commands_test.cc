#include <cstdlib>
#include <fstream>

#include "shared/resource/manifest.h"
#include "tests/unit/control-plane/cloudctl/fake_cloud.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::control {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

v1::Resource Site(const std::string& name, const std::string& country) {
  v1::Resource resource;
  v1::Site& site = *resource.mutable_site();
  site.mutable_metadata()->set_name(name);
  site.mutable_metadata()->set_uid("uid-" + name);
  (*site.mutable_metadata()->mutable_labels())["country"] = country;
  site.mutable_spec()->mutable_location()->set_city("City of " + name);
  return resource;
}

v1::Resource Assignment(const std::string& name, const std::string& state, const std::string& fresh) {
  v1::Resource resource;
  v1::Assignment& assignment = *resource.mutable_assignment();
  assignment.mutable_metadata()->set_name(name);
  assignment.mutable_metadata()->set_project("default");
  assignment.mutable_spec()->set_workload_uid("uid-web");
  assignment.mutable_spec()->set_satellite("berlin-1");
  assignment.mutable_status()->set_state(state);
  assignment.mutable_status()->set_reason(state);
  assignment.mutable_status()->mutable_freshness()->set_state(fresh);
  assignment.mutable_status()->mutable_freshness()->mutable_since()->set_seconds(1'767'268'980 - 180);
  return resource;
}

v1::Resource Workload(const std::string& name) {
  v1::Resource resource;
  v1::Workload& workload = *resource.mutable_workload();
  workload.mutable_metadata()->set_name(name);
  workload.mutable_metadata()->set_uid("uid-" + name);
  workload.mutable_metadata()->set_project("default");
  workload.mutable_status()->set_replicas(2);
  workload.mutable_status()->set_ready(1);
  auto* condition = workload.mutable_status()->add_conditions();
  condition->set_type("Ready");
  condition->set_status("False");
  condition->set_reason("ReplicasNotReady");
  condition->set_message("1 of 2 replicas are Ready");
  return resource;
}

v1::Resource Event(int64_t site_seconds, int64_t centre_seconds, const std::string& message) {
  v1::Resource resource;
  v1::Event& event = *resource.mutable_event();
  event.mutable_metadata()->set_name("e" + message);
  event.set_reason("Started");
  event.set_message(message);
  event.mutable_object()->set_kind("Workload");
  event.mutable_object()->set_name("web");
  event.mutable_site_time()->set_seconds(site_seconds);
  event.mutable_centre_time()->set_seconds(centre_seconds);
  return resource;
}

TEST_F(CloudctlTest, GetListsAllPages) {
  for (const char* name : {"berlin", "dublin", "singapore"}) cloud_.objects.push_back(Site(name, "xx"));
  const Outcome outcome = Run({"get", "sites"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "NAME       CITY               LIVE  READY  REASON  AGE\n"
            "berlin     City of berlin      0/0    0/0\n"
            "dublin     City of dublin      0/0    0/0\n"
            "singapore  City of singapore   0/0    0/0\n");
}

TEST_F(CloudctlTest, GetTakesSelectorAndJsonPath) {
  cloud_.objects = {Site("berlin", "de"), Site("dublin", "ie"), Site("munich", "de")};
  const Outcome outcome = Run({"get", "si", "-l", "country=de", "-o", "jsonpath={.items[*].metadata.name}"});
  EXPECT_EQ(outcome.out, "berlin munich\n") << outcome.err;
  EXPECT_THAT(Run({"get", "sites", "-l", "country in (de"}).err, HasSubstr("closing parenthesis"));
}

TEST_F(CloudctlTest, GetOneInEveryForm) {
  cloud_.objects = {Site("berlin", "de")};
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"get", "site", "berlin"}, {"get", "site/berlin"}, {"get", "sites/berlin"}}) {
    std::vector<std::string> arguments = words;
    arguments.insert(arguments.end(), {"-o", "name"});
    EXPECT_EQ(Run(arguments).out, "site/berlin\n");
  }
  EXPECT_THAT(Run({"get", "site/berlin", "-o", "yaml"}).out,
              HasSubstr("kind: Site\nmetadata:\n  name: berlin\n"));
  EXPECT_THAT(Run({"get", "site/berlin", "-o", "json"}).out, HasSubstr("\"name\": \"berlin\""));
  EXPECT_THAT(Run({"get", "site/berlin", "-o", "wide"}).out, HasSubstr("country=de"));
  EXPECT_EQ(Run({"get", "site/berlin", "-o", "jsonpath={.spec.location.city}"}).out, "City of berlin\n");
  EXPECT_EQ(Run({"get", "sites", "-o", "json"}).code, 0);
}

TEST_F(CloudctlTest, ListsThatAreEmptyAreStillJson) {
  const Outcome json = Run({"get", "workloads", "-o", "json"});
  EXPECT_THAT(json.out, HasSubstr("\"items\": []"));
  const Outcome table = Run({"get", "workloads"});
  EXPECT_EQ(table.out, "");
  EXPECT_THAT(table.err, HasSubstr("No workloads in project default"));
}

TEST_F(CloudctlTest, ErrorsGoToTheErrorStreamWithWhatToDo) {
  struct Case {
    std::vector<std::string> arguments;
    std::string error;
  };
  const std::vector<Case> cases = {
      {{"get", "workloda"}, "did you mean Workload?"},
      {{"get", "policies"}, "kind Policy is not served by this release"},
      {{"get", "site", "nowhere"}, "there is no Site nowhere"},
      {{"get", "site", "a", "b"}, "is too much"},
      {{"get", "site/"}, "the name is missing"},
      {{"get", "sites", "-o", "xml"}, "output is one of table, wide, yaml"},
      {{"get", "sites", "-o", "jsonpath={.items[}"}, "jsonpath"},
      {{"get"}, "target is required"},
      {{"frobnicate"}, "there is no command frobnicate;"},
      {{"-p", "retail", "aply", "-f", "x"}, "there is no command aply (did you mean apply?)"},
      {{}, "subcommand is required"},
      {{"describe", "workload"}, "name the object: workload/NAME"},
      {{"apply"}, "--filename is required"},
      {{"apply", "-f", "/nonexistent.yaml"}, "/nonexistent.yaml"},
      {{"apply", "-f", "-", "--dry-run=client"}, "--dry-run=server"},
      {{"delete"}, "name what to delete"},
      {{"delete", "site", "missing"}, "there is no such object"},
      {{"token", "create"}, "--site is required"},
      {{"token", "create", "--site", "a", "--ttl", "10"}, "--ttl: \"10\" is not a duration"},
      {{"satellite", "approve", "nobody"}, "no host waits under the name nobody"},
      {{"completion", "tcsh"}, "bash, zsh or fish"},
  };
  for (const Case& one : cases) {
    const Outcome outcome = Run(one.arguments);
    EXPECT_EQ(outcome.code, 1) << one.error;
    EXPECT_THAT(outcome.err, HasSubstr(one.error));
    EXPECT_EQ(outcome.out, "") << one.error;
  }
}

TEST_F(CloudctlTest, AStaleStateIsNeverShownAsLive) {
  cloud_.objects = {Assignment("web-0", "Ready", "live"), Assignment("web-1", "Ready", "stale"),
                    Assignment("web-2", "Ready", "unknown"), Assignment("web-3", "Ready", "")};
  const Outcome outcome = Run({"get", "assignments", "-o", "wide"});
  EXPECT_THAT(outcome.out, HasSubstr("Ready, stale since 12:00"));
  EXPECT_THAT(outcome.out, HasSubstr("Ready, unknown since restart"));
  v1::Resource satellite;
  satellite.mutable_satellite()->mutable_metadata()->set_name("berlin-1");
  cloud_.objects = {satellite};
  EXPECT_THAT(Run({"get", "satellites"}).out, HasSubstr("unknown since restart"));
}

TEST_F(CloudctlTest, NothingFromASiteReachesTheTerminalRaw) {
  v1::Resource hostile = Site("berlin", "de");
  hostile.mutable_site()->mutable_spec()->mutable_location()->set_city(
      "\x1b]0;owned\x07\xE2\x80\xAE\nsecond");
  cloud_.objects = {hostile};
  for (const char* form : {"table", "wide", "yaml", "json"}) {
    const Outcome outcome = Run({"get", "sites", "-o", form});
    EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b"))) << form;
    EXPECT_THAT(outcome.out, Not(HasSubstr("\xE2\x80\xAE"))) << form;
  }
  EXPECT_THAT(Run({"describe", "site", "berlin"}).out, Not(HasSubstr("\x1b")));
}

TEST_F(CloudctlTest, WatchPrintsTheListAndThenEachChange) {
  cloud_.objects = {Site("berlin", "de"), Site("dublin", "ie")};
  const Outcome outcome = Run({"get", "sites", "-w"});
  EXPECT_EQ(outcome.out,
            "NAME    CITY            LIVE  READY  REASON  AGE\n"
            "berlin  City of berlin   0/0    0/0\n"
            "dublin  City of dublin   0/0    0/0\n"
            "dublin  City of dublin   0/0    0/0\n"
            "site/dublin deleted\n");
  EXPECT_EQ(Run({"get", "site", "berlin", "-w", "-o", "name"}).out, "site/berlin\n");
}

TEST_F(CloudctlTest, DescribeShowsConditionsReplicasAndEvents) {
  cloud_.objects = {Workload("web"), Assignment("web-0", "Ready", "stale"),
                    Event(kNow - 600, kNow - 60, "started while away")};
  const Outcome outcome = Run({"describe", "workload", "web"}, "", {.width = 100});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("ReplicasNotReady"));
  EXPECT_THAT(outcome.out, HasSubstr("cloudctl explain workload/NAME"));
  EXPECT_THAT(outcome.out, HasSubstr("stale since 12:00"));
  EXPECT_THAT(outcome.out, HasSubstr("2026-01-01 11:53:00  2026-01-01 12:02:00"));
}

TEST_F(CloudctlTest, EventsShowBothTimesOldestFirst) {
  cloud_.objects = {Event(kNow, kNow, "second"), Event(kNow - 3600, kNow - 60, "first"), Workload("web")};
  const Outcome outcome = Run({"events"});
  EXPECT_EQ(outcome.out,
            "SITE TIME            CENTRE TIME          REASON   OBJECT        MESSAGE\n"
            "2026-01-01 11:03:00  2026-01-01 12:02:00  Started  workload/web  first\n"
            "2026-01-01 12:03:00  2026-01-01 12:03:00  Started  workload/web  second\n");
  EXPECT_EQ(Run({"events", "workload/web"}).code, 0);
  EXPECT_EQ(cloud_.listed.field_object_uid(), "uid-web");
}

TEST_F(CloudctlTest, EventsAreFollowed) {
  cloud_.objects = {Event(kNow - 3600, kNow - 60, "first")};
  const std::string line = "2026-01-01 11:03:00  2026-01-01 12:02:00  Started  workload/web  first\n";
  EXPECT_THAT(Run({"events", "-w"}).out, HasSubstr("MESSAGE\n" + line + line));
  EXPECT_EQ(Run({"get", "events", "-w"}).out, Run({"events", "-w"}).out);
  const Outcome of_one = Run({"events", "workload/web", "-w"});
  EXPECT_NE(of_one.code, 0);
  EXPECT_THAT(of_one.err, HasSubstr("--watch"));
}

TEST_F(CloudctlTest, ExplainSaysWhatToDo) {
  cloud_.explain_response.set_summary("web: 1 of 2 replicas are Ready");
  auto* finding = cloud_.explain_response.add_findings();
  finding->set_where("site berlin");
  finding->set_reason("NoFit");
  finding->set_severity("problem");
  const Outcome outcome = Run({"explain", "workload/web"});
  EXPECT_EQ(
      outcome.out,
      "web: 1 of 2 replicas are Ready\n"
      "  problem  site berlin: NoFit\n"
      "           Next: Lower resources of the tasks, remove another workload, or enrol another host at that "
      "site\n");
}

TEST_F(CloudctlTest, ApplySendsFilesAndSaysWhatWasDone) {
  auto* result = cloud_.apply_response.add_results();
  result->mutable_object()->set_kind("Workload");
  result->mutable_object()->set_name("web");
  result->set_action("created");
  result->add_warnings("no readiness probe");
  const Outcome outcome = Run({"apply", "-f", "-", "-p", "retail", "--dry-run=server"}, "kind: Site\n");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "workload/web created (dry run)\n");
  EXPECT_EQ(outcome.err, "warning: workload/web: no readiness probe\n");
  EXPECT_EQ(cloud_.applied.manifests(0).content(), "kind: Site\n");
  EXPECT_EQ(cloud_.applied.manifests(0).file_name(), "standard input");
  EXPECT_EQ(cloud_.applied.default_project(), "retail");
  EXPECT_TRUE(cloud_.applied.dry_run());
}

TEST_F(CloudctlTest, ApplyPrintsEachErrorOfTheManifest) {
  auto* error = cloud_.apply_response.add_errors();
  error->set_file("web.yaml");
  error->set_line(12);
  error->set_column(7);
  error->set_field("spec.template.tasks[0].comand");
  error->set_message("no such field");
  error->set_suggestion("command");
  const Outcome outcome = Run({"apply", "-f", "-"}, "a: b\n");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "web.yaml:12:7: spec.template.tasks[0].comand: no such field (did you mean command?)\n"
            "error: nothing was applied\n");
}

TEST_F(CloudctlTest, WhatCannotBeAManifestIsNotSent) {
  const Outcome large = Run({"apply", "-f", "-"}, std::string(10 << 20, 'x'));
  EXPECT_EQ(large.code, 1);
  EXPECT_EQ(large.err, "error: standard input: the manifest is larger than 1 MiB; split it\n");
  const Outcome binary = Run({"apply", "-f", "-"}, "a: b\nc: \xff\n");
  EXPECT_EQ(binary.err, "error: standard input:2:4: this is not UTF-8; save the file as UTF-8\n");
  EXPECT_EQ(cloud_.applied.manifests_size(), 0);
}

TEST_F(CloudctlTest, ApplyReadsDirectoriesByName) {
  const TemporaryDirectory directory;
  for (const char* name : {"b.yaml", "a.yml", "c.json", "notes.txt"}) {
    std::ofstream(directory.path() + "/" + name) << "x: " << name << "\n";
  }
  Run({"apply", "-f", directory.path()});
  ASSERT_EQ(cloud_.applied.manifests_size(), 3);
  EXPECT_EQ(cloud_.applied.manifests(0).file_name(), directory.path() + "/a.yml");
  EXPECT_EQ(cloud_.applied.manifests(2).file_name(), directory.path() + "/c.json");
  std::ofstream(directory.path() + "/big.yaml") << std::string(2 << 20, 'x');
  EXPECT_THAT(Run({"apply", "-f", directory.path()}).err,
              HasSubstr("/big.yaml: the manifest is larger than 1 MiB"));
}

TEST_F(CloudctlTest, DiffSaysByItsExitCodeWhetherThereAreChanges) {
  auto* result = cloud_.apply_response.add_results();
  result->mutable_object()->set_kind("Workload");
  result->mutable_object()->set_name("web");
  result->set_action("unchanged");
  EXPECT_EQ(Run({"diff", "-f", "-"}, "a: b").code, 0);
  EXPECT_TRUE(cloud_.applied.dry_run());
  result->set_action("configured");
  auto* change = result->add_changes();
  change->set_field("spec.placement.replicasPerSite");
  change->set_before("1");
  change->set_after("2");
  const Outcome outcome = Run({"diff", "-f", "-"}, "a: b");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "workload/web would change\n  spec.placement.replicasPerSite\n    - 1\n    + 2\n");
  cloud_.apply_response.add_errors()->set_message("bad");
  EXPECT_EQ(Run({"diff", "-f", "-"}, "a: b").code, 1);
}

TEST_F(CloudctlTest, DeleteTakesNamesAndFiles) {
  EXPECT_EQ(Run({"delete", "workload/web"}).out, "workload/web deleted\n");
  EXPECT_EQ(cloud_.deleted[0].project(), "default");
  EXPECT_THAT(Run({"delete", "wl", "waits"}).out, HasSubstr("goes when each satellite has let go"));
  EXPECT_EQ(Run({"delete", "site", "missing", "--ignore-not-found"}).code, 0);
  cloud_.deleted.clear();
  const std::string head = "apiVersion: perigee.dev/v1\nkind: ";
  const Outcome outcome = Run({"delete", "-f", "-"}, head + "Site\nmetadata: {name: a}\n---\n" + head +
                                                         "Config\nmetadata: {name: b, project: p}\n");
  EXPECT_EQ(outcome.out, "config/b deleted\nsite/a deleted\n") << outcome.err;
  EXPECT_EQ(cloud_.deleted[0].project(), "p");
  EXPECT_THAT(Run({"delete", "-f", "-"}, head + "Nope\nmetadata: {name: a}\n").err,
              HasSubstr("there is no kind Nope"));
}

TEST_F(CloudctlTest, TokenCreatePrintsWhatToPaste) {
  const Outcome outcome = Run({"token", "create", "--site", "berlin", "--uses", "2", "--label", "disk=ssd"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              HasSubstr("echo pgt_abc | perigee-satellite enroll --server https://198.51.100.7:7443 "
                        "--ca-hash sha256:00ff --token-file - "));
  EXPECT_THAT(outcome.out, HasSubstr("cloudctl satellite approve"));
  EXPECT_EQ(cloud_.token_asked.uses(), 2);
  EXPECT_EQ(cloud_.token_asked.approval(), "manual");
  EXPECT_EQ(cloud_.token_asked.labels().at("disk"), "ssd");
  EXPECT_THAT(Run({"token", "create", "--site", "berlin", "-o", "json"}).out,
              HasSubstr("\"token\": \"pgt_abc\""));
}

TEST_F(CloudctlTest, ApproveFindsTheRequestByTheSatellitesName) {
  v1::Resource request;
  request.mutable_enrollment_request()->mutable_metadata()->set_name("req-1");
  request.mutable_enrollment_request()->mutable_spec()->set_satellite_name("berlin-1");
  cloud_.objects = {request};
  EXPECT_EQ(Run({"satellite", "approve", "berlin-1"}).out,
            "enrollmentrequest/req-1 approved, fingerprint ab12 cd34\n");
  EXPECT_EQ(cloud_.decided.request(), "req-1");
  EXPECT_TRUE(cloud_.decided.approve());
  EXPECT_EQ(Run({"satellite", "deny", "req-1", "--why", "unknown"}).code, 0);
  EXPECT_FALSE(cloud_.decided.approve());
  EXPECT_EQ(cloud_.decided.why(), "unknown");
  cloud_.objects.push_back(request);
  cloud_.objects.back().mutable_enrollment_request()->mutable_metadata()->set_name("req-2");
  EXPECT_THAT(Run({"satellite", "approve", "berlin-1"}).err, HasSubstr("2 hosts wait under the name"));
  EXPECT_EQ(Run({"satellite", "revoke", "berlin-1"}).code, 0);
  EXPECT_EQ(cloud_.revoked.name(), "berlin-1");
}

TEST_F(CloudctlTest, EveryCommandHasAnExample) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"login"},
                                                                                     {"whoami"},
                                                                                     {"get"},
                                                                                     {"describe"},
                                                                                     {"explain"},
                                                                                     {"apply"},
                                                                                     {"diff"},
                                                                                     {"delete"},
                                                                                     {"events"},
                                                                                     {"token"},
                                                                                     {"token", "create"},
                                                                                     {"satellite"},
                                                                                     {"satellite", "approve"},
                                                                                     {"satellite", "deny"},
                                                                                     {"satellite", "revoke"},
                                                                                     {"context"},
                                                                                     {"context", "list"},
                                                                                     {"context", "use"},
                                                                                     {"completion"}}) {
    std::vector<std::string> arguments = words;
    arguments.push_back("--help");
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.code, 0) << words[0];
    EXPECT_THAT(outcome.out, HasSubstr("Example")) << words[0];
    EXPECT_EQ(outcome.err, "");
  }
}

TEST_F(CloudctlTest, CompletionKnowsCommandsAndKinds) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = Run({"completion", shell});
    EXPECT_THAT(outcome.out, HasSubstr("workloads")) << shell;
    EXPECT_THAT(outcome.out, HasSubstr("whoami")) << shell;
    EXPECT_THAT(outcome.out, Not(HasSubstr("@"))) << shell;
  }
}

TEST_F(CloudctlTest, WhoamiSaysAsWhom) {
  EXPECT_THAT(Run({"whoami"}).out, HasSubstr("Subject: user/admin"));
}

TEST_F(CloudctlTest, ContextsAreListedAndChosen) {
  const TemporaryDirectory directory;
  setenv("PERIGEE_CONFIG", (directory.path() + "/config.yaml").c_str(), 1);
  ContextFile file;
  file.path = directory.path() + "/config.yaml";
  file.Put({.name = "a", .server = "https://a:7443", .grpc = "a:7444", .user = "admin"});
  file.Put({.name = "b", .server = "https://b:7443", .grpc = "b:7444", .user = "admin"});
  file.current = "a";
  ASSERT_TRUE(SaveContextFile(file).ok());
  EXPECT_THAT(Run({"context", "list"}).out, HasSubstr("*  a     admin  default"));
  EXPECT_EQ(Run({"context", "use", "b", "-p", "retail"}).code, 0);
  EXPECT_EQ(LoadContextFile(file.path)->current, "b");
  EXPECT_EQ(Run({"context", "use", "c"}).code, 1);
  Run({"apply", "-f", "-"}, "a: b\n");
  EXPECT_EQ(cloud_.applied.default_project(), "retail");
  unsetenv("PERIGEE_CONFIG");
}

}  // namespace
}  // namespace perigee::control
