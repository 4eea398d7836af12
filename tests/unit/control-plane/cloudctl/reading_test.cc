// The commands that show: get, describe, explain, events, fields.
#include "tests/unit/control-plane/cloudctl/fake_cloud.h"
#include "tests/unit/control-plane/cloudctl/objects.h"

namespace perigee::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

TEST_F(CloudctlTest, AStaleStateIsNeverShownAsLive) {
  cloud_.objects = {Assignment("web-0", "Ready", "live"), Assignment("web-1", "Ready", "stale"),
                    Assignment("web-2", "Ready", "unknown"), Assignment("web-3", "Ready", "")};
  const Outcome outcome = Run({"get", "assignments", "-o", "wide"});
  EXPECT_THAT(outcome.out, HasSubstr("Ready, stale since 12:00"));
  EXPECT_THAT(outcome.out, HasSubstr("Ready, unknown since restart"));
  v1::Resource satellite;
  satellite.mutable_satellite()->mutable_metadata()->set_name("berlin-1");
  cloud_.objects = {satellite};
  EXPECT_THAT(Run({"get", "satellites"}).out, HasSubstr("never connected"));
  EXPECT_THAT(Run({"describe", "satellite", "berlin-1"}).out, HasSubstr("State:      never connected"));
  cloud_.objects[0].mutable_satellite()->mutable_status()->mutable_last_contact()->set_seconds(kNow);
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
  EXPECT_THAT(Run({"events", "-w", "--limit", "2"}).err, HasSubstr("excludes"));
}

TEST_F(CloudctlTest, EventsOfOneObjectAndItsReplicasAreFollowed) {
  v1::Resource of_web = Event(kNow, kNow, "of-web");
  of_web.mutable_event()->mutable_object()->set_uid("uid-web");
  v1::Resource of_replica = Event(kNow, kNow, "of-replica");
  of_replica.mutable_event()->mutable_object()->set_uid("uid-web-0");
  v1::Resource of_other = Event(kNow, kNow, "of-other");
  of_other.mutable_event()->mutable_object()->set_uid("uid-other");
  v1::Resource replica = Assignment("web-0", "Ready", "live");
  replica.mutable_assignment()->mutable_metadata()->set_uid("uid-web-0");
  cloud_.objects = {Workload("web"), replica, of_web, of_other, of_replica};
  const Outcome outcome = Run({"events", "workload/web", "-w", "-o", "jsonpath={.message}"});
  // The fake repeats and deletes the last object.
  EXPECT_THAT(outcome.out, HasSubstr("of-web\nof-replica\n")) << outcome.err;
  EXPECT_THAT(outcome.out, Not(HasSubstr("of-other")));
}

TEST_F(CloudctlTest, ListsAreLimited) {
  for (const char* name : {"a", "b", "c", "d"}) cloud_.objects.push_back(Site(name, "xx"));
  EXPECT_EQ(Run({"get", "sites", "--limit", "3", "-o", "name"}).out, "site/a\nsite/b\nsite/c\n");
  EXPECT_EQ(Run({"get", "sites", "--limit", "1", "-o", "name"}).out, "site/a\n");
  EXPECT_EQ(cloud_.listed.limit(), 1);
  EXPECT_THAT(Run({"get", "sites", "--limit", "0"}).err, HasSubstr("--limit"));
  EXPECT_THAT(Run({"get", "site", "a", "--limit", "1"}).err, HasSubstr("are for lists"));
  cloud_.objects = {Event(kNow, kNow, "newest"), Event(kNow, kNow, "older"), Event(kNow, kNow, "oldest")};
  EXPECT_EQ(Run({"events", "--limit", "2", "-o", "jsonpath={.items[*].message}"}).out, "older newest\n");
}

TEST_F(CloudctlTest, SeveralKindsAreListedAtOnce) {
  cloud_.objects = {Site("berlin", "de"), Workload("web")};
  EXPECT_EQ(Run({"get", "sites,workloads", "-o", "name"}).out, "site/berlin\nworkload/web\n");
  EXPECT_EQ(Run({"get", "wl,si", "-o", "jsonpath={.items[*].kind}"}).out, "Workload Site\n");
  const Outcome tables = Run({"get", "sites,configs,workloads"});
  EXPECT_THAT(tables.out, HasSubstr("0/0\n\nNAME"));
  EXPECT_THAT(tables.err, HasSubstr("No configs"));
  EXPECT_THAT(Run({"get", "sites,workloads", "web"}).err, HasSubstr("one at a time"));
  EXPECT_THAT(Run({"get", "sites,workloads/web"}).err, HasSubstr("one at a time"));
  EXPECT_THAT(Run({"get", "sites,nothings"}).err, HasSubstr("there is no kind nothings"));
}

TEST_F(CloudctlTest, NamesAreWholeInANarrowTerminal) {
  const std::string name = "checkout-with-a-rather-long-name-berlin-1";
  v1::Resource assignment = Assignment(name, "Ready", "stale");
  assignment.mutable_assignment()->mutable_spec()->set_satellite("satellite-of-berlin-alexanderplatz");
  assignment.mutable_assignment()->mutable_status()->set_message("the port 8080 is taken by another process");
  v1::Resource event = Event(kNow, kNow, "the port 8080 is taken by another process of this host");
  event.mutable_event()->mutable_object()->set_name(name);
  cloud_.objects = {assignment, event};
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"get", "assignments"},
                                             {"get", "assignments", "-o", "wide"},
                                             {"events"},
                                             {"events", "-o", "wide"}}) {
    const Outcome outcome = Run(words, "", {.width = 80});
    EXPECT_THAT(outcome.out, HasSubstr(name)) << words[1];
    EXPECT_THAT(outcome.out, Not(HasSubstr("…"))) << words[1];
    EXPECT_THAT(outcome.out, HasSubstr("process")) << words[1];
  }
  EXPECT_THAT(Run({"get", "assignments"}, "", {.width = 80}).out,
              HasSubstr("satellite-of-berlin-alexanderplatz"));
}

TEST_F(CloudctlTest, FieldsSayWhatMayBeWritten) {
  const Outcome outcome = Run({"fields", "secret.spec"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("plain text, not base64"));
  EXPECT_THAT(Run({"fields", "wl"}).out, HasSubstr("spec.template.tasks[].command"));
  EXPECT_THAT(Run({"fields", "workload.spek"}).err, HasSubstr("did you mean spec?"));
  EXPECT_THAT(Run({"fields", "workload/web"}).err, HasSubstr("not of one object"));
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
  EXPECT_THAT(Run({"explain", "workload/web"}, "", {.width = 80}).out,
              HasSubstr("           Next: Lower resources of the tasks, remove another workload, or enrol\n"
                        "                 another host at that site\n"));
}

}  // namespace
}  // namespace perigee::control
