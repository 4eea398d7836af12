#include <cstdlib>
#include <fstream>

#include "shared/resource/manifest.h"
#include "tests/unit/control-plane/cloudctl/fake_cloud.h"
#include "tests/unit/control-plane/cloudctl/objects.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

TEST_F(CloudctlTest, WhatGetPrintsOfSeveralCanBeGivenBack) {
  cloud_.objects = {Site("berlin", "de"), Site("dublin", "ie")};
  const Outcome printed = Run({"get", "sites", "-o", "yaml"});
  const Outcome outcome = Run({"delete", "-f", "-"}, printed.out);
  EXPECT_EQ(outcome.out, "site/dublin deleted\nsite/berlin deleted\n") << outcome.err;
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

TEST_F(CloudctlTest, ApplyPrintsSeveralAsAList) {
  for (const char* name : {"a", "b"}) {
    auto* result = cloud_.apply_response.add_results();
    *result->mutable_resource() = Site(name, "de");
    *result->mutable_object() = ReferenceTo(ObjectOf(result->resource()));
  }
  EXPECT_EQ(Run({"apply", "-f", "-", "-o", "jsonpath={.items[*].metadata.name}"}, "a: b\n").out, "a b\n");
  EXPECT_EQ(Run({"apply", "-f", "-", "-o", "name"}, "a: b\n").out, "site/a\nsite/b\n");
  cloud_.apply_response.mutable_results()->RemoveLast();
  EXPECT_EQ(Run({"apply", "-f", "-", "-o", "jsonpath={.metadata.name}"}, "a: b\n").out, "a\n");
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
  EXPECT_EQ(Run({"token", "create", "--site", "berlin", "-o", "jsonpath={.token} {.caHash}"}).out,
            "pgt_abc sha256:00ff\n");
  EXPECT_EQ(Run({"token", "create", "--site", "berlin", "--ttl", "1d", "-o", "name"}).out, "pgt_abc\n");
  EXPECT_EQ(cloud_.token_asked.ttl(), "1d");
  cloud_.token_asked.Clear();
  for (const char* form : {"wide", "table", "jsonpath={.token"}) {
    EXPECT_THAT(Run({"token", "create", "--site", "berlin", "-o", form}).err, HasSubstr("jsonpath"));
  }
  EXPECT_EQ(cloud_.token_asked.site(), "") << "what cannot be printed is not made";
}

TEST_F(CloudctlTest, ApproveFindsTheRequestByTheSatellitesName) {
  v1::Resource request;
  request.mutable_enrollment_request()->mutable_metadata()->set_name("req-1");
  request.mutable_enrollment_request()->mutable_spec()->set_satellite_name("berlin-1");
  cloud_.objects = {request};
  EXPECT_EQ(Run({"satellite", "approve", "berlin-1"}).out,
            "enrollmentrequest/req-1 approved as satellite berlin-2 of site berlin, fingerprint ab12 cd34\n");
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
                                                                                     {"fields"},
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

TEST_F(CloudctlTest, VersionIsToldInOneForm) {
  EXPECT_EQ(Run({"--version"}).out, std::string("cloudctl ") + PERIGEE_VERSION + "\n");
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
