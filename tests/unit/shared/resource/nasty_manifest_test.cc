// Documents that are wrong, each in one way, and some that only look so.

#include "tests/unit/shared/resource/manifest_reading.h"

namespace perigee {
namespace {

using ::testing::HasSubstr;

struct Nasty {
  const char* name;
  std::string text;
  std::string error;  // part of the message expected; empty: valid
  int line = 0;       // 0: not asked
};

void PrintTo(const Nasty& nasty, std::ostream* out) {
  *out << nasty.name;
}

std::string Repeat(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::string Site(const std::string& rest) {
  return kHead + std::string("kind: Site\nmetadata: {name: a}\n") + rest;
}
std::string Config(const std::string& rest) {
  return kHead + std::string("kind: Config\nmetadata: {name: a}\nspec:\n  data:\n") + rest;
}
std::string Named(const std::string& name) {
  return kHead + ("kind: Site\nmetadata:\n  name: " + name + "\n");
}
std::string Task(const std::string& rest) {
  return Workload("      command: [/bin/true]\n" + rest);
}

std::vector<Nasty> SyntaxCases() {
  return {
      {"Empty", "", "the manifest is empty"},
      {"OnlyComment", "# nothing\n", "the manifest is empty"},
      {"OnlyNull", "---\n~\n", "the manifest is empty"},
      {"Scalar", "hello\n", "expected an object"},
      {"List", "- a\n", "expected an object"},
      {"NoApiVersion", "kind: Site\nmetadata: {name: a}\n", "apiVersion: required"},
      {"OldApiVersion", "apiVersion: v1\nkind: Site\nmetadata: {name: a}\n", "unknown version", 1},
      {"NoKind", "apiVersion: perigee.dev/v1\nmetadata: {name: a}\n", "kind: required"},
      {"UnknownKind", "apiVersion: perigee.dev/v1\nkind: Worload\nmetadata: {name: a}\n",
       "did you mean Workload", 2},
      {"KindInWrongCase", "apiVersion: perigee.dev/v1\nkind: workload\nmetadata: {name: a}\n",
       "did you mean Workload"},
      {"KindNotYet", "apiVersion: perigee.dev/v1\nkind: Policy\nmetadata: {name: a}\n",
       "kind Policy is not served by this release", 2},
      {"KindReadOnly", "apiVersion: perigee.dev/v1\nkind: Satellite\nmetadata: {name: a}\n",
       "made by enrolling a host"},
      {"KindOfTheSystem", "apiVersion: perigee.dev/v1\nkind: Assignment\nmetadata: {name: a}\n",
       "written by the system"},
      {"NoMetadata", "apiVersion: perigee.dev/v1\nkind: Site\n", "metadata: required"},
      {"MetadataNull", "apiVersion: perigee.dev/v1\nkind: Site\nmetadata:\n", "there is no value", 3},
      {"TopLevelTypo", Site("sepc: {}\n"), "did you mean spec", 4},
      {"TopLevelUnknown", Site("zzzz: 1\n"), "no such field", 4},
      {"OperationsByHand", Site("operations: {}\n"), "changed by commands only", 4},
      {"AliasBomb", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "anchors (&name) are not allowed", 1},
      {"Alias", Site("spec: {values: {x: *a}}\n"), "not valid YAML: the referenced anchor is not defined", 4},
      {"AnchorOnScalar", Site("spec: {values: {x: &a foo}}\n"), "anchors", 4},
      {"MergeKey", Site("spec:\n  <<: {values: {}}\n"), "no such field", 5},
      {"Tag", Site("spec: {values: {x: !!str 5}}\n"), "tags", 4},
      {"TagPython", Site("spec: !!python/object:os.system {}\n"), "tags", 4},
      {"TagOnList", Site("spec: {windows: !foo []}\n"), "tags", 4},
      {"DuplicateKey", Site("spec: {values: {x: a, x: b}}\n"),
       "spec.values.x: the key is given twice; the first time in line 4", 4},
      {"DuplicateTopLevelKey", Site("kind: Site\n"), "given twice; the first time in line 2", 4},
      {"DuplicateByQuotes", Site("spec: {values: {x: a, \"x\": b}}\n"), "given twice", 4},
      {"DeepFlow", Site("spec: " + Repeat("[", 100) + Repeat("]", 100) + "\n"), "nested more than 64", 4},
      {"VeryDeepFlow", Site("spec: " + Repeat("[", 100'000)), "m.yaml:4:8: spec[0]: ", 4},
      {"VeryDeepMaps", Site("spec: " + Repeat("{a: ", 200'000)), "nested more than 64", 4},
      {"DeepBlock", Site("spec:\n" + Repeat("- ", 100) + "a\n"), "nested more than 64"},
      {"TooManyNodes", Site("spec: {values: [" + Repeat("1,", 60'000) + "]}\n"), "more than 50000 values"},
      {"TooLarge", Config("    a: " + Repeat("x", 1 << 20) + "\n"), "larger than 1 MiB"},
      {"InvalidUtf8", Site("spec: {values: {x: \xff\xfe}}\n"), "this is not UTF-8", 4},
      {"OverlongUtf8", Site("spec: {values: {x: \xc0\xaf}}\n"), "this is not UTF-8", 4},
      {"SurrogateInUtf8", Site("spec: {values: {x: \xed\xa0\x80}}\n"), "this is not UTF-8", 4},
      {"Utf16",
       std::string("\xff\xfe"
                   "a\0:\0",
                   6),
       "this is not UTF-8", 1},
      {"NulByte", Site(std::string("spec: {values: {x: a\0b}}\n", 25)), "control character 0x00", 4},
      {"EscByte", Site("spec: {values: {x: \x1b[31m}}\n"), "control character 0x1b", 4},
      {"NulByEscape", Site("spec: {values: {x: \"a\\0b\"}}\n"), "code 0", 4},
      {"LoneSurrogateEscape", Site("spec: {values: {x: \"\\ud800\"}}\n"), "not valid YAML", 4},
      {"TabIndent", Site("spec:\n\tvalues: {}\n"), "a tab cannot indent; use spaces", 5},
      {"UnclosedQuote", Site("spec: {values: {x: \"abc}}\n"), "is not closed"},
      {"UnclosedFlow", Site("spec: {values: {x: abc\n"), "a \"{\" is not closed"},
      {"BadIndent", Site("spec:\n  values: {}\n connectivity: always\n"), "the map does not end", 6},
      {"TwoColons", Site("spec: values: {}\n"), "a value is not expected here", 4},
      {"ComplexKey", Site("spec: {? [a] : b}\n"), "a key must be a text", 4},
      {"NullKey", Site("spec: {values: {~: b}}\n"), "a key is empty", 4},
      {"ByteOrderMark", "\xEF\xBB\xBF" + Site(""), ""},
      {"CarriageReturns", "apiVersion: perigee.dev/v1\r\nkind: Site\r\nmetadata: {name: a}\r\n", ""},
      {"YamlDirective", "%YAML 1.2\n---\n" + Site(""), ""},
      {"EndMarker", Site("...\n"), ""},
      {"SecondDocumentBroken", Site("---\nfoo: [\n"), "m.yaml:"},
  };
}

std::vector<Nasty> TypeCases() {
  return {
      {"TextFromInteger", Site("spec: {values: {store: 17}}\n"), "write it in quotes (did you mean \"17\"?)",
       4},
      {"TextFromFloat", Site("spec: {values: {version: 1.10}}\n"), "(did you mean \"1.10\"?)", 4},
      {"TextFromTrue", Site("spec: {values: {x: true}}\n"), "expected a text, found true or false (true)", 4},
      {"TextFromYes", Site("spec: {values: {x: yes}}\n"), "expected a text, found true or false (yes)", 4},
      {"NorwayProblem", Site("spec: {location: {country: NO}}\n"), "(did you mean \"NO\"?)", 4},
      {"TextFromNull", Site("spec: {values: {x: }}\n"), "there is no value", 4},
      {"TextFromTilde", Site("spec: {values: {x: ~}}\n"), "there is no value", 4},
      {"TextFromHex", Site("spec: {values: {x: 0x1F}}\n"), "(did you mean \"0x1F\"?)", 4},
      {"TextFromOctal", Site("spec: {values: {x: 017}}\n"), "(did you mean \"017\"?)", 4},
      {"TextFromExponent", Site("spec: {values: {x: 1e3}}\n"), "(did you mean \"1e3\"?)", 4},
      {"TextFromInfinity", Site("spec: {values: {x: .inf}}\n"), "(did you mean \".inf\"?)", 4},
      {"TextFromList", Site("spec: {values: {x: [a]}}\n"), "expected a text, found a list", 4},
      {"TextFromMap", Site("spec: {values: {x: {a: b}}}\n"), "expected a text, found a map", 4},
      {"ArgumentNumber", Workload("      command: [/bin/sleep, 100]\n"),
       "tasks[0].command[1]: expected a text", 8},
      {"ListFromText", Workload("      command: /bin/true\n"), "expected a list, found a", 8},
      {"ListFromMap", Workload("      command: {a: b}\n"), "expected a list, found a map", 8},
      {"MapFromList", Site("spec: {values: [a]}\n"), "expected a map of names to values, found a list", 4},
      {"MessageFromText", Site("spec: {location: berlin}\n"), "expected a map of fields, found a text", 4},
      {"MessageFromNull", Site("spec: {location: }\n"), "there is no value", 4},
      {"SpecFromList", Site("spec: []\n"), "expected a map of fields, found a list", 4},
      {"IntegerFromQuoted", Task("      ports: [{name: a, port: \"80\"}]\n"),
       "remove the quotes (did you mean 80?)", 9},
      {"IntegerFromHex", Task("      ports: [{name: a, port: 0x50}]\n"), "write it in decimal", 9},
      {"IntegerFromOctal", Task("      ports: [{name: a, port: 0120}]\n"), "write it in decimal", 9},
      {"IntegerFromUnderscore", Task("      ports: [{name: a, port: 8_080}]\n"), "write it in decimal", 9},
      {"IntegerFromFloat", Task("      ports: [{name: a, port: 80.0}]\n"), "expected a whole number", 9},
      {"IntegerTooLarge", Task("      ports: [{name: a, port: 99999999999}]\n"), "out of range", 9},
      {"IntegerHuge", Task("      ports: [{name: a, port: " + Repeat("9", 400) + "}]\n"), "out of range", 9},
      {"IntegerZero", Task("      ports: [{name: a, port: 0}]\n"), "0 is not possible here", 9},
      {"ReplicasZero", Task("  placement: {replicasPerSite: 0}\n"), "0 is not possible here", 9},
      {"DoubleFromQuoted", Site("spec: {location: {latitude: \"52.5\"}}\n"), "remove the quotes", 4},
      {"DoubleInfinite", Site("spec: {location: {latitude: .inf}}\n"), "expected a number", 4},
      {"DoubleNan", Site("spec: {location: {latitude: .nan}}\n"), "expected a number", 4},
      {"DoubleHuge", Site("spec: {location: {latitude: 1e999}}\n"), "out of range", 4},
      {"BoolFromYes", Task("  placement: {everySatellite: yes}\n"), "(did you mean true?)", 9},
      {"BoolFromQuoted", Task("  placement: {everySatellite: \"false\"}\n"), "(did you mean false?)", 9},
      {"HostFromTrue", Task("      ports: [{name: a, port: 80, host: true}]\n"), "expected a text", 9},
      {"OutputOnlyInSpec",
       kHead + std::string("kind: Secret\nmetadata: {name: a}\nspec: {version: v, data: {a: b}}\n"),
       "written by the system", 4},
      {"SnakeCase", Task("  placement: {replicas_per_site: 2}\n"), "(did you mean replicasPerSite?)", 9},
      {"FarTypo", Task("  placement: {xyzzy: 2}\n"), "spec.placement.xyzzy: no such field", 9},
      {"QuotedKeyTypo", Site("spec: {\"valuse\": {}}\n"), "(did you mean values?)", 4},
  };
}

std::vector<Nasty> MeaningCases() {
  return {
      {"NameMissing", kHead + std::string("kind: Site\nmetadata: {}\n"), "metadata.name: required", 3},
      {"NameWithDots", Named("../x"), "is not a name", 4},
      {"NameSlash", Named("a/b"), "is not a name", 4},
      {"NameUpper", Named("Berlin"), "is not a name", 4},
      {"NameDash", Named("-a"), "is not a name", 4},
      {"NameLong", Named(Repeat("a", 64)), "is not a name", 4},
      {"NameLongest", Named(Repeat("a", 63)), ""},
      {"NameNumber", Named("12"), "write it in quotes", 4},
      {"NameNumberQuoted", Named("\"12\""), ""},
      {"NameUnicode",
       Named("b\xC3\xBC"
             "cher"),
       "is not a name", 4},
      {"ProjectOfSite", kHead + std::string("kind: Site\nmetadata: {name: a, project: p}\n"),
       "belongs to no project", 3},
      {"LabelKey", kHead + std::string("kind: Site\nmetadata: {name: a, labels: {\"a b\": c}}\n"),
       "is not a label key", 3},
      {"LabelValue", kHead + std::string("kind: Site\nmetadata: {name: a, labels: {a: \"b c\"}}\n"),
       "is not a label value", 3},
      {"LabelPrefix", kHead + std::string("kind: Site\nmetadata: {name: a, labels: {example.com/a: b}}\n"),
       ""},
      {"Latitude", Site("spec: {location: {latitude: 91}}\n"), "91 is not between -90 and 90", 4},
      {"Longitude", Site("spec: {location: {longitude: -180.5}}\n"), "is not between", 4},
      {"Country", Site("spec: {location: {country: de}}\n"), "(did you mean DE?)", 4},
      {"Windows", Site("spec: {windows: [{start: 22:00, end: \"23:00\"}]}\n"), "not yet served", 4},
      {"Connectivity", Site("spec: {connectivity: allways}\n"), "(did you mean always?)", 4},
      {"ConfigKey", Config("    ../x: a\n"), "is not a key", 6},
      {"ConfigTooLarge", Config("    a: " + Repeat("x", 600 << 10) + "\n"), "at most 524288 are possible", 5},
      {"ConfigLarge", Config("    a: " + Repeat("x", 500 << 10) + "\n"), ""},
      {"SecretEmpty", kHead + std::string("kind: Secret\nmetadata: {name: a}\nspec: {}\n"),
       "spec.data: required", 4},
      {"SecretSealed",
       kHead + std::string("kind: Secret\nmetadata: {name: a}\nspec: {sealed: AAAA, data: {a: b}}\n"),
       "not yet served", 4},
      {"NoTemplate", kHead + std::string("kind: Workload\nmetadata: {name: a}\nspec: {}\n"),
       "spec.template: required", 4},
      {"NoTasks", kHead + std::string("kind: Workload\nmetadata: {name: a}\nspec: {template: {tasks: []}}\n"),
       "spec.template.tasks: required", 4},
      {"TwoMains", Task("    - {name: b, command: [/bin/true]}\n"),
       "exactly one task must have role main; 2 have it", 6},
      {"Sidecar", Task("    - {name: b, role: sidecar, command: [/bin/true]}\n"),
       "sidecar is not yet served by this release; use main", 9},
      {"Container", Workload("      runtime: container\n      image: nginx\n"),
       "container is not yet served"},
      {"Image", Task("      image: nginx\n"), "use runtime: process", 9},
      {"TaskKind", Task("  kind: task\n"), "task is not yet served by this release; use service", 9},
      {"RelativeProgram", Workload("      command: [nginx]\n"), "the program must be an absolute path", 8},
      {"ProgramDots", Workload("      command: [/usr/../bin/sh]\n"), "\"..\"", 8},
      {"CpuHuge", Task("      resources: {cpu: 1e999}\n"), "it is too large", 9},
      {"CpuNegative", Task("      resources: {cpu: -1}\n"), "must not be negative", 9},
      {"CpuTooFine", Task("      resources: {cpu: 0.0001}\n"), "whole number of thousandths", 9},
      {"CpuUnit", Task("      resources: {cpu: 5cores}\n"), "unknown unit", 9},
      {"CpuZero", Task("      resources: {cpu: 0}\n"), "must be more than 0", 9},
      {"CpuFraction", Task("      resources: {cpu: 0.5}\n"), ""},
      {"MemoryHalfByte", Task("      resources: {memory: 500m}\n"), "must be a whole number", 9},
      {"MemoryHuge", Task("      resources: {memory: 9999999Pi}\n"), "too large", 9},
      {"Gpu", Task("      resources: {gpu: 1}\n"), "not yet served", 9},
      {"ResourceTypo", Task("      resources: {memroy: 1Gi}\n"), "(did you mean memory?)", 9},
      {"PortHigh", Task("      ports: [{name: a, port: 65536}]\n"), "between 1 and 65535", 9},
      {"PortNegative", Task("      ports: [{name: a, port: -1}]\n"), "between 1 and 65535", 9},
      {"PortTwice", Task("      ports: [{name: a, port: 80}, {name: b, port: 80}]\n"),
       "another port of this task is 80/tcp", 9},
      {"PortTwoProtocols", Task("      ports: [{name: a, port: 53}, {name: b, port: 53, protocol: udp}]\n"),
       ""},
      {"PortNameTwice", Task("      ports: [{name: a, port: 80}, {name: a, port: 81}]\n"),
       "another port named a", 9},
      {"HostAuto", Task("      ports: [{name: a, port: 80, host: auto}]\n"), "auto is not yet served", 9},
      {"ProbePortUnknown",
       Task("      ports: [{name: http, port: 80}]\n      health: {readiness: {tcp: {port: htp}}}\n"),
       "(did you mean http?)", 10},
      {"ProbeNone", Task("      health: {readiness: {period: 5s}}\n"), "exactly one of http, tcp and exec",
       9},
      {"ProbeTwo", Task("      health: {readiness: {tcp: {port: 1}, exec: {command: [/bin/true]}}}\n"),
       "exactly one of", 9},
      {"ProbePeriodZero", Task("      health: {readiness: {tcp: {port: 1}, period: 0s}}\n"),
       "longer than zero", 9},
      {"ProbePeriodUnit", Task("      health: {readiness: {tcp: {port: 1}, period: 5}}\n"),
       "the unit is missing", 9},
      {"ProbePath", Task("      health: {readiness: {http: {port: 1, path: health}}}\n"), "must begin with",
       9},
      {"EnvTwoSources", Task("      env: [{name: A, value: x, fromConfig: {name: c, key: k}}]\n"),
       "only one of value", 9},
      {"EnvTwice", Task("      env: [{name: A, value: x}, {name: A, value: y}]\n"), "another variable A", 9},
      {"EnvName", Task("      env: [{name: 1A, value: x}]\n"), "is not a variable name", 9},
      {"EnvReserved", Task("      env: [{name: PERIGEE_PORT_HTTP, value: x}]\n"), "is reserved", 9},
      {"FileNoSource", Task("      files: [{path: /a}]\n"), "exactly one of fromConfig and fromSecret", 9},
      {"FileTwoSources",
       Task("      files: [{path: /a, fromConfig: {name: c, key: k}, fromSecret: {name: c, key: k}}]\n"),
       "exactly one of", 9},
      {"FileRelative", Task("      files: [{path: a/b, fromConfig: {name: c, key: k}}]\n"),
       "not an absolute path", 9},
      {"FileDots", Task("      files: [{path: /a/../../etc/passwd, fromConfig: {name: c, key: k}}]\n"),
       "\"..\"", 9},
      {"FileDoubleSlash", Task("      files: [{path: /a//b, fromConfig: {name: c, key: k}}]\n"), "empty part",
       9},
      {"FileInFile",
       Task("      files: [{path: /a, fromConfig: {name: c, key: k}}, {path: /a/b, fromConfig: {name: c, "
            "key: k}}]\n"),
       "cannot be a file and the directory", 9},
      {"FileMode", Task("      files: [{path: /a, mode: 0999, fromConfig: {name: c, key: k}}]\n"),
       "is not a file mode", 9},
      {"FileModeSetuid", Task("      files: [{path: /a, mode: 4755, fromConfig: {name: c, key: k}}]\n"),
       "is not a file mode", 9},
      {"ReferenceName", Task("      files: [{path: /a, fromConfig: {name: ../c, key: k}}]\n"),
       "is not a name", 9},
      {"ReplicasMany", Task("  placement: {replicasPerSite: 101}\n"), "between 1 and 100", 9},
      {"ReplicasTotal", Task("  placement: {replicas: 3}\n"), "use replicasPerSite", 9},
      {"StopAfterZero", Task("  placement: {onDisconnect: {stopAfter: 0s}}\n"), "longer than zero", 9},
      {"StopAfterAndKeep", Task("  placement: {onDisconnect: {mode: keep, stopAfter: 1m}}\n"), "not both", 9},
      {"OnDisconnectWord", Task("  placement: {onDisconnect: kep}\n"), "(did you mean keep?)", 9},
      {"SelectorOperator",
       Task("  placement: {sites: {matchExpressions: [{key: a, operator: in, values: [b]}]}}\n"),
       "(did you mean In?)", 9},
      {"SelectorNoValues", Task("  placement: {sites: {matchExpressions: [{key: a, operator: In}]}}\n"),
       "required with operator In", 9},
      {"MaxUnavailable", Task("  rollout: {maxUnavailablePerSite: 2}\n"), "not yet served", 9},
      {"Waves", Task("  rollout: {waves: [{sites: 10%}]}\n"), "waves come with rollouts", 9},
      {"StopSignal", Task("      stop: {signal: SIGFOO}\n"), "is not one of", 9},
      {"GraceLong", Task("      stop: {grace: 2h}\n"), "longer than 1h", 9},
      {"BackoffOrder", Task("      restart: {backoff: {initial: 2m, max: 1m}}\n"), "longer than max", 9},
      {"Volumes", Task("      volumes: [{name: a, path: /a}]\n"), "volumes come with containers", 9},
      {"PlaceholderInArgument", Workload("      command: [/bin/echo, \"${site.nmae}\"]\n"),
       "spec.template.tasks[0].command[1]: \"${site.nmae}\" is no placeholder; there are ${site.name}, "
       "${site.values.KEY}, ${satellite.name} and ${satellite.address}",
       8},
      {"PlaceholderHasASuggestion", Workload("      command: [/bin/echo, \"${satelite.name}\"]\n"),
       "(did you mean ${satellite.name}?)", 8},
      {"PlaceholderInVariable", Task("      env: [{name: A, value: \"${site.values}\"}]\n"),
       "spec.template.tasks[0].env[0].value: \"${site.values}\" is no placeholder", 9},
      {"PlaceholderInProbePath",
       Task("      health: {readiness: {http: {port: 1, path: \"/${satellite.id}\"}}}\n"),
       "spec.template.tasks[0].health.readiness.http.path: \"${satellite.id}\" is no placeholder", 9},
      {"PlaceholderInProbeCommand",
       Task("      health: {liveness: {exec: {command: [/bin/test, \"${Site.name}\"]}}}\n"),
       "spec.template.tasks[0].health.liveness.exec.command[1]: \"${Site.name}\" is no placeholder", 9},
      {"PlaceholdersOfAShell",
       Task("      env: [{name: A, value: \"${HOME} ${SITE} ${site:-x} $${site.nmae} ${site_name}\"}]\n"),
       ""},
      {"PlaceholderInConfig", Config("    a: \"x ${satellite.adress}\"\n"),
       "spec.data.a: \"${satellite.adress}\" is no placeholder", 6},
      {"VariablesInConfig",
       Config("    a: \"${host} ${site} ${site.title} ${sites.name} ${site.name.length}\"\n"), ""},
      {"Minimal", Task(""), ""},
  };
}

class NastyDocument : public ::testing::TestWithParam<Nasty> {};

TEST_P(NastyDocument, GetsTheVerdict) {
  const Nasty& nasty = GetParam();
  const ParsedManifests parsed = ReadAll(nasty.text);
  const std::string errors = Errors(parsed).substr(0, 4000);
  if (nasty.error.empty()) {
    EXPECT_EQ(errors, "");
    EXPECT_EQ(parsed.objects.size(), 1u);
    return;
  }
  EXPECT_THAT(errors, HasSubstr(nasty.error));
  for (const v1::FieldError& error : parsed.errors) {
    EXPECT_EQ(error.file(), "m.yaml") << errors;
    if (nasty.line != 0) {
      EXPECT_EQ(error.line(), nasty.line) << errors;
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<Nasty>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Syntax, NastyDocument, ::testing::ValuesIn(SyntaxCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Types, NastyDocument, ::testing::ValuesIn(TypeCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Meaning, NastyDocument, ::testing::ValuesIn(MeaningCases()), NameOf);

}  // namespace
}  // namespace perigee
