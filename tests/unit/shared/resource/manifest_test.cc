#include "shared/resource/manifest.h"

#include "tests/unit/shared/resource/manifest_reading.h"

namespace perigee {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ManifestTest, ReadsAWholeWorkload) {
  const ParsedManifests parsed = ReadAll(R"(
apiVersion: perigee.dev/v1
kind: Workload
metadata: {name: checkout, project: retail, labels: {team: pay}}
spec:
  kind: service
  placement:
    sites: {matchLabels: {country: de}}
    satellites: {matchExpressions: [{key: disk, operator: In, values: [ssd, nvme]}]}
    replicasPerSite: 2
    spread: host
    onDisconnect: {stopAfter: 10m}
  template:
    tasks:
    - name: main
      command: [/usr/sbin/nginx, -c, /etc/app/nginx.conf, -g, "daemon off;"]
      env: [{name: STORE, value: "${site.values.store}"}, {name: MODE, value: prod}]
      files: [{path: /etc/app/nginx.conf, fromConfig: {name: web, key: nginx.conf}},
              {path: /run/keys/api, fromSecret: {name: pay, key: api}, mode: 0400}]
      ports: [{name: http, port: 8080, host: 18080}]
      resources: {cpu: 500m, memory: 256Mi, pids: 64}
      health: {readiness: {http: {port: http, path: /healthz}, period: 5s}, liveness: {tcp: {port: 8080}}}
      restart: {backoff: {initial: 1s, max: 1m}}
      stop: {signal: SIGTERM, grace: 10s}
  rollout: {soak: 2m, maxUnavailablePerSite: 1}
)");
  ASSERT_EQ(Errors(parsed), "");
  ASSERT_EQ(parsed.objects.size(), 1u);
  const v1::Workload& workload = parsed.objects[0].resource.workload();
  EXPECT_EQ(workload.metadata().project(), "retail");
  const v1::WorkloadTask& task = workload.spec().template_().tasks(0);
  EXPECT_EQ(task.command(4), "daemon off;");
  EXPECT_EQ(task.files(1).mode(), "0400");
  EXPECT_EQ(task.files(0).mode(), "0444");
  EXPECT_EQ(task.ports(0).host().number(), 18080);
  EXPECT_EQ(task.health().readiness().http().port().name(), "http");
  EXPECT_EQ(task.health().liveness().tcp().port().number(), 8080);
  EXPECT_EQ(task.health().readiness().failure_threshold(), 3);
  EXPECT_EQ(task.resources().at("pids"), "64");
  EXPECT_EQ(workload.spec().placement().on_disconnect().stop_after(), "10m");
  EXPECT_EQ(workload.spec().placement().on_disconnect().mode(), "");
}

TEST(ManifestTest, ReadsJsonWithEscapesOfJson) {
  const ParsedManifests parsed = ReadAll(
      "{\"apiVersion\":\"perigee.dev/v1\",\"kind\":\"Config\",\"metadata\":{\"name\":\"c\"},"
      "\"spec\":{\"data\":{\"a\":\"\\ud83d\\ude00 \\/ \\u00e9 \\\\ud83d\"}}}");
  ASSERT_EQ(Errors(parsed), "");
  EXPECT_EQ(parsed.objects[0].resource.config().spec().data().at("a"), "\xF0\x9F\x98\x80 / \xC3\xA9 \\ud83d");
}

TEST(ManifestTest, ReadsSeveralDocuments) {
  const ParsedManifests parsed =
      ReadAll(std::string("---\n") + kHead + "kind: Site\nmetadata: {name: a}\n---\n---\n" + kHead +
              "kind: Config\nmetadata: {name: a}\n");
  ASSERT_EQ(Errors(parsed), "");
  ASSERT_EQ(parsed.objects.size(), 2u);
  EXPECT_EQ(parsed.objects[0].resource.site().metadata().project(), "");
  EXPECT_EQ(parsed.objects[1].resource.config().metadata().project(), "default");
}

TEST(ManifestTest, AListIsItsItems) {
  const std::string site = "- apiVersion: perigee.dev/v1\n  kind: Site\n  metadata: {name: a}\n";
  const ParsedManifests parsed =
      ReadAll(std::string(kHead) + "kind: List\nmetadata: {}\nitems:\n" + site +
              "- apiVersion: perigee.dev/v1\n  kind: Config\n  metadata: {name: a}\n");
  ASSERT_EQ(Errors(parsed), "");
  ASSERT_EQ(parsed.objects.size(), 2u);
  EXPECT_EQ(parsed.objects[1].resource.config().metadata().project(), "default");
  EXPECT_EQ(Errors(ReadAll(std::string(kHead) + "kind: List\nitems: []\n")), "");
  EXPECT_EQ(Errors(ReadAll(std::string(kHead) + "kind: List\nitems:\n" + site + site)),
            "m.yaml:7:3: metadata.name: Site a is given twice; the first time at m.yaml:4\n");
  EXPECT_EQ(Errors(ReadAll("kind: List\nitem: []\n")),
            "m.yaml:1:1: apiVersion: required; this release reads perigee.dev/v1 (did you mean apiVersion: "
            "perigee.dev/v1?)\n"
            "m.yaml:2:1: item: no such field (did you mean items?)\n"
            "m.yaml:1:1: items: required: a list of objects\n");
  EXPECT_NE(
      Errors(ReadAll(std::string(kHead) + "kind: List\nitems:\n- {apiVersion: perigee.dev/v1, kind: List, "
                                          "items: []}\n"))
          .find("there is no kind List"),
      std::string::npos);
}

TEST(ManifestTest, SaysHowTextsOfSecretsAreWritten) {
  const std::string secret = std::string(kHead) + "kind: Secret\nmetadata: {name: a}\n";
  for (const char* fields : {"data: {a: b}\n", "stringData: {a: b}\n", "spec: {stringData: {a: b}}\n"}) {
    const std::string errors = Errors(ReadAll(secret + fields));
    EXPECT_NE(errors.find("not as base64, under spec.data"), std::string::npos) << errors;
  }
  EXPECT_EQ(Errors(ReadAll(std::string(kHead) + "kind: Site\nmetadata: {name: a}\ndata: {}\n")),
            "m.yaml:4:1: data: no such field\n");
}

TEST(ManifestTest, IgnoresWhatGetAdds) {
  const ParsedManifests parsed = ReadAll(
      "apiVersion: perigee.dev/v1\nkind: Site\nmetadata:\n  name: a\n  uid: u\n  generation: 3\n  revision: "
      "7\n"
      "  createdAt: 2026-01-01T00:00:00Z\noperations: {hold: {active: true}}\nspec: {}\nstatus: {satellites: "
      "0}\n");
  ASSERT_EQ(Errors(parsed), "");
  const v1::Site& site = parsed.objects[0].resource.site();
  EXPECT_EQ(site.metadata().uid(), "");
  EXPECT_EQ(site.metadata().generation(), 0);
  EXPECT_FALSE(site.has_operations());
  EXPECT_FALSE(site.has_status());
}

TEST(ManifestTest, ReportsManyErrorsAtOnceWithTheirPlaces) {
  const ParsedManifests parsed =
      ReadAll(Workload("      comand: [/bin/true]\n"
                       "      env: [{name: A, value: 1}]\n"
                       "      ports:\n"
                       "      - {name: http, port: \"80\"}\n"));
  ASSERT_EQ(parsed.errors.size(), 3u) << Errors(parsed);
  EXPECT_EQ(FormatFieldError(parsed.errors[0]),
            "m.yaml:8:7: spec.template.tasks[0].comand: no such field (did you mean command?)");
  EXPECT_EQ(
      FormatFieldError(parsed.errors[1]),
      "m.yaml:9:30: spec.template.tasks[0].env[0].value: expected a text, found a number (1); write it in "
      "quotes (did you mean \"1\"?)");
  EXPECT_EQ(parsed.errors[2].line(), 11);
  EXPECT_THAT(parsed.objects, IsEmpty());
}

TEST(ManifestTest, PlacesErrorsOfMeaningToo) {
  const ParsedManifests parsed =
      ReadAll(Workload("      command: [/bin/true]\n"
                       "      resources:\n"
                       "        cpu: 1e999\n"));
  ASSERT_EQ(parsed.errors.size(), 1u) << Errors(parsed);
  EXPECT_EQ(parsed.errors[0].line(), 10);
  EXPECT_EQ(parsed.errors[0].field(), "spec.template.tasks[0].resources.cpu");
  EXPECT_THAT(parsed.errors[0].message(), HasSubstr("\"1e999\" is not a quantity: it is too large"));
}

TEST(ManifestTest, PlacesWhatIsMissingWhereItShouldBe) {
  const ParsedManifests parsed = ReadAll(Workload("      role: main\n"));
  ASSERT_EQ(parsed.errors.size(), 1u) << Errors(parsed);
  EXPECT_EQ(parsed.errors[0].field(), "spec.template.tasks[0].command");
  EXPECT_EQ(parsed.errors[0].line(), 7);
}

TEST(ManifestTest, BoundsTheNumberOfErrors) {
  std::string text = std::string(kHead) + "kind: Site\nmetadata: {name: a}\nspec:\n";
  for (int i = 0; i < 200; ++i) text += "  x" + std::to_string(i) + ": 1\n";
  const ParsedManifests parsed = ReadAll(text);
  EXPECT_EQ(parsed.errors.size(), 50u);
  EXPECT_EQ(parsed.errors.back().message(), "and 151 more errors");
}

TEST(ManifestTest, RefusesTheSameObjectTwiceAcrossFiles) {
  google::protobuf::RepeatedPtrField<v1::Manifest> manifests;
  for (const char* file : {"a.yaml", "b.yaml"}) {
    v1::Manifest* manifest = manifests.Add();
    manifest->set_file_name(file);
    manifest->set_content(std::string(kHead) + "kind: Site\nmetadata: {name: a}\n");
  }
  const ParsedManifests parsed = ParseManifests(manifests, "");
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_EQ(parsed.errors[0].file(), "b.yaml");
  EXPECT_THAT(parsed.errors[0].message(), HasSubstr("given twice; the first time at a.yaml:1"));
}

}  // namespace
}  // namespace perigee
