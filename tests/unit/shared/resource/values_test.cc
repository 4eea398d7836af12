// Quantities, durations, selectors, placeholders, states, reasons, defaults, diffs.
#include <limits>
#include <set>

#include "shared/resource/defaults.h"
#include "shared/resource/diff.h"
#include "shared/resource/field_path.h"
#include "shared/resource/placeholders.h"
#include "shared/resource/quantity.h"
#include "shared/resource/reasons.h"
#include "shared/resource/registry.h"
#include "shared/resource/replica_state.h"
#include "shared/resource/selector.h"
#include "shared/resource/text.h"

namespace perigee {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(QuantityTest, ReadsThousandths) {
  const std::map<std::string, int64_t> cases = {
      {"0", 0},
      {"500m", 500},
      {"1", 1000},
      {"0.5", 500},
      {"1.25", 1250},
      {"2k", 2'000'000},
      {"1Ki", 1024'000},
      {"256Mi", 256'000LL << 20},
      {"1.5Gi", 1'500LL << 30},
      {"1e3", 1'000'000},
      {"15e-1", 1500},
      {"1000000m", 1'000'000},
      {"8Pi", 9'007'199'254'740'992'000},
  };
  for (const auto& [text, value] : cases) EXPECT_EQ(ParseQuantity(text).value_or(-1), value) << text;
}

TEST(QuantityTest, RefusesWhatIsNotExactOrTooLarge) {
  for (const char* text :
       {"",    "m",   "-1",  "+1",   "1e999", "1e-999", "0.0001", "0.5m", "9Pi", "1Ei",
        "1 ",  " 1",  "1kk", "0x10", "1.",    ".",      "1..2",   "1e",   "1e+", "99999999999999999999",
        "inf", "nan", "1,5", "1Mib", "1mi"}) {
    EXPECT_FALSE(ParseQuantity(text).ok()) << text;
  }
}

// What is printed in thousandths has up to nineteen digits.
TEST(QuantityTest, WhatIsPrintedReadsBackUpToTheLargest) {
  for (const char* text : {"1.333Pi", "9.007Pi", "8.191Pi", "9223372036854775807m", "9223372036854775"}) {
    const auto quantity = ParseQuantity(text);
    if (!quantity.ok()) continue;  // too large: refused, not misread
    EXPECT_EQ(ParseQuantity(FormatQuantity(*quantity)).value_or(-1), *quantity) << text;
  }
  EXPECT_EQ(ParseQuantity("9223372036854775807m").value_or(-1), std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(ParseQuantity("9223372036854775808m").ok());
  EXPECT_FALSE(ParseQuantity("9999999999999999999Pi").ok());
  EXPECT_FALSE(ParseQuantity("9999999999999999999e9").ok());
}

TEST(QuantityTest, FormatsWithBinarySuffixesWhereExact) {
  for (const char* text : {"0", "500m", "3", "1Ki", "256Mi", "1536Mi", "1500m"}) {
    EXPECT_EQ(FormatQuantity(*ParseQuantity(text)), text);
  }
}

TEST(DurationTest, ReadsUnits) {
  EXPECT_EQ(*ParseDuration("90s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("1.5h"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("90d"), absl::Hours(90 * 24));
  EXPECT_EQ(*ParseDuration("0.5d"), absl::Hours(12));
  EXPECT_EQ(*ParseDuration("1d12h"), absl::Hours(36));
}

TEST(DurationTest, ReadsWhatItPrints) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Milliseconds(1), absl::Seconds(90), absl::Hours(87'672)}) {
    EXPECT_EQ(*ParseDuration(DurationText(duration)), duration);
  }
}

TEST(DurationTest, RefusesTheRest) {
  for (const char* text :
       {"",    "10", "-1s", "+1s",  "inf",     "1h1d", "1d1d", "1d1",     "d", "1.d.", "9999d", "1dd",
        "1hd", "s",  "1s ", "1e3s", "999999h", "1ns",  "1us",  "0.0001s", "0", "1.s.", "m1"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

Labels MakeLabels(const std::map<std::string, std::string>& map) {
  return Labels(map.begin(), map.end());
}

TEST(SelectorTest, Matches) {
  const Labels labels = MakeLabels({{"country", "de"}, {"disk", "ssd"}});
  const std::map<std::string, bool> cases = {
      {"", true},
      {"country=de", true},
      {"country==de", true},
      {"country=fr", false},
      {"country!=fr", true},
      {"tier!=test", true},
      {"disk in (ssd, nvme)", true},
      {"disk in (hdd)", false},
      {"disk notin (hdd,ssd)", false},
      {"tier notin (a)", true},
      {"disk", true},
      {"tier", false},
      {"!tier", true},
      {"!disk", false},
      {"country=de,disk in (ssd),!tier", true},
      {"country=de,tier", false},
  };
  for (const auto& [text, expected] : cases) {
    const auto selector = ParseSelector(text);
    ASSERT_TRUE(selector.ok()) << text << selector.status();
    EXPECT_EQ(Matches(*selector, labels), expected) << text;
    const auto again = ParseSelector(FormatSelector(*selector));
    ASSERT_TRUE(again.ok()) << text;
    EXPECT_EQ(Matches(*again, labels), expected) << text;
  }
}

TEST(SelectorTest, RefusesNonsense) {
  for (const char* text :
       {",", "a=b,", "=b", "a in (b", "a in b", "a near (b)", "in (b)", "a b", "a=b=c", "a=../x", "!"}) {
    EXPECT_FALSE(ParseSelector(text).ok()) << text;
  }
}

TEST(PlaceholdersTest, ReplacesOursAndLeavesTheRest) {
  const std::map<std::string, std::string> values = {
      {"site.name", "berlin"}, {"site.values.city", "Berlin ${site.name}"}, {"satellite.name", "b-1"}};
  const std::map<std::string, std::string> cases = {
      {"", ""},
      {"plain", "plain"},
      {"${site.name}", "berlin"},
      {"a ${site.name} b ${satellite.name}", "a berlin b b-1"},
      {"$host ${host} $1 $$ ${", "$host ${host} $1 $$ ${"},
      {"${site.values.city}", "Berlin ${site.name}"},
      {"${X:-${site.name}}", "${X:-berlin}"},
      {"${site.values.}", "${site.values.}"},
      {"$${site.name}", "$berlin"},
  };
  for (const auto& [text, expected] : cases) {
    const auto result = Resolve(text, values, nullptr);
    ASSERT_TRUE(result.ok()) << text;
    EXPECT_EQ(*result, expected) << text;
  }
}

TEST(PlaceholdersTest, NamesTheMissingValueAndCollectsTheUsed) {
  std::map<std::string, std::string> used;
  EXPECT_EQ(*Resolve("${site.name}", {{"site.name", "a"}, {"satellite.name", "b"}}, &used), "a");
  EXPECT_EQ(used, (std::map<std::string, std::string>{{"site.name", "a"}}));
  const auto missing = Resolve("x ${site.values.store}", {}, &used);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("${site.values.store}"));
}

TEST(PlaceholdersTest, WhatIsMeantIsToldOfAWorkload) {
  const std::pair<const char*, const char*> cases[] = {
      {"${site.nmae}", "${site.name}"},
      {"a ${site.name} b ${satelite.name}", "${satellite.name}"},
      {"${Site.name}", "${site.name}"},
      {"${ site.name }", "${site.name}"},
      {"${site.name", "${site.name}"},
      {"${site}", "${site.name}"},
      {"${satellite}", "${satellite.name}"},
      {"${site.address}", "${satellite.address}"},
      {"${satellite.adress}", "${satellite.address}"},
      {"${site.values}", "${site.values.KEY}"},
      {"${site.values.}", "${site.values.KEY}"},
      {"${site.values.a b}", "${site.values.KEY}"},
      {"${site.values.${x}}", "${site.values.KEY}"},
      {"${site.vlaues.city}", "${site.values.city}"},
      {"${site.city}", "${site.values.city}"},
      {"${satellite.values.city}", "${site.values.city}"},
      {"${satellite.id}", ""},
      {"${X:-${site.nmae}}", "${site.name}"},
      {"${site.name.x}", "${site.name}"},
  };
  for (const auto& [text, suggestion] : cases) {
    const auto unknown = FindUnknownPlaceholder(text);
    ASSERT_TRUE(unknown.has_value()) << text;
    EXPECT_EQ(unknown->suggestion, suggestion) << text;
    EXPECT_THAT(unknown->message, HasSubstr("${satellite.address}")) << text;
  }
}

TEST(PlaceholdersTest, OursAndThoseOfProgramsAreFineInAWorkload) {
  for (const char* text :
       {"", "site.nmae", "${site.name}${site.values.a-b.c_D}${satellite.name}${satellite.address}", "${HOME}",
        "${SITE}", "${SIZE}", "${site:-x}", "${site%%.*}", "${site-a.b}", "${site_name}", "${server.port}",
        "${X:-${site.name}}", "$${site.nmae}", "$site", "${", "${}", "${.name}", "{{site.nmae}}",
        "$(site.nmae)"}) {
    EXPECT_FALSE(FindUnknownPlaceholder(text).has_value()) << text;
  }
}

TEST(PlaceholdersTest, OnlyObviousMistakesAreToldOfAConfig) {
  for (const char* text : {"x ${site.nmae}", "${satellite.adress}", "${site.values}", "${site.value.city}",
                           "${site.address}", "${site.values.a b}"}) {
    EXPECT_TRUE(FindMistypedPlaceholder(text).has_value()) << text;
  }
  for (const char* text :
       {"${site.name} $host ${host}", "${site}", "${site.title}", "${sites.name}", "${Site.name}",
        "${ site.name }", "${site.name.length}", "${site.name || 1}", "${satelite.name}", "$${site.nmae}"}) {
    EXPECT_FALSE(FindMistypedPlaceholder(text).has_value()) << text;
  }
}

TEST(PlaceholdersTest, AMessageShowsALineOfIt) {
  EXPECT_THAT(FindUnknownPlaceholder("${site.a\nb}")->message, StartsWith("\"${site.a...\" is no"));
  EXPECT_THAT(FindUnknownPlaceholder("${site.\xC3\xA9}")->message, StartsWith("\"${site....\" is no"));
  const std::string many(1'000, 'x');
  EXPECT_LT(FindUnknownPlaceholder("${site." + many + "}")->message.size(), 300u);
}

// Each of these would take minutes if every "${" looked for its "}" anew.
TEST(PlaceholdersTest, TakeATimeThatGrowsWithTheText) {
  constexpr int kTimes = 250'000;
  for (const std::string& part : {std::string("${"), std::string("${x."), std::string("${site-")}) {
    std::string text;
    for (int i = 0; i < kTimes; ++i) text += part;
    for (const char* end : {"", "}", "          }"}) {
      EXPECT_EQ(*Resolve(text + end, {}, nullptr), text + end);
      EXPECT_FALSE(FindMistypedPlaceholder(text + end).has_value());
      EXPECT_FALSE(FindUnknownPlaceholder(text + end).has_value());
    }
  }
}

TEST(ReplicaStateTest, NamesAreUniqueAndReadBack) {
  std::set<std::string_view> names;
  for (const ReplicaState state : AllReplicaStates()) {
    EXPECT_TRUE(names.insert(ReplicaStateName(state)).second);
    EXPECT_EQ(ParseReplicaState(ReplicaStateName(state)), state);
  }
  EXPECT_EQ(names.size(), 11u);
  EXPECT_EQ(ParseReplicaState("ready"), std::nullopt);
}

TEST(ReplicaStateTest, TheTableHoldsTheShapeOfALife) {
  using enum ReplicaState;
  EXPECT_TRUE(CanTransition(kPending, kStarting));
  EXPECT_TRUE(CanTransition(kStarting, kReady));
  EXPECT_TRUE(CanTransition(kReady, kStopping));
  EXPECT_FALSE(CanTransition(kStopped, kReady)) << "nothing is ready without a start";
  EXPECT_FALSE(CanTransition(kFailed, kRunning));
  EXPECT_FALSE(CanTransition(kStopping, kReady)) << "a stop is not taken back";
  for (const ReplicaState from : AllReplicaStates()) {
    EXPECT_FALSE(CanTransition(from, from)) << ReplicaStateName(from);
    // Every state can be left, and each that has a process can be asked to stop.
    bool leaves = false;
    for (const ReplicaState to : AllReplicaStates()) leaves = leaves || CanTransition(from, to);
    EXPECT_TRUE(leaves) << ReplicaStateName(from);
    if (HasProcess(from) && from != kStopping) {
      EXPECT_TRUE(CanTransition(from, kStopping)) << ReplicaStateName(from);
    }
  }
}

TEST(ReasonsTest, EveryReasonIsWholeAndProblemsSayWhatToDo) {
  std::set<std::string_view> words;
  for (const ReasonInfo& info : AllReasons()) {
    EXPECT_TRUE(words.insert(info.word).second) << info.word;
    EXPECT_EQ(FindReason(info.word), &info);
    EXPECT_GT(info.meaning.size(), 10u) << info.word;
    EXPECT_TRUE(info.meaning.ends_with('.')) << info.word;
    if (info.severity == Severity::kProblem && info.word != reason::kEventsDropped) {
      EXPECT_FALSE(info.next_step.empty()) << info.word;
    }
    if (info.severity == Severity::kWaiting) {
      EXPECT_FALSE(info.next_step.empty()) << info.word;
    }
  }
  EXPECT_GE(words.size(), 90u);
  EXPECT_EQ(FindReason("Nonsense"), nullptr);
  EXPECT_EQ(FindReason(reason::kNoFit)->severity, Severity::kProblem);
}

TEST(FieldPathTest, BuildsAndTakesApart) {
  EXPECT_EQ(KeyPath("spec.data", "nginx.conf"), "spec.data[\"nginx.conf\"]");
  EXPECT_EQ(KeyPath("spec.values", "store"), "spec.values.store");
  EXPECT_EQ(ElementPath("spec.tasks", 2), "spec.tasks[2]");
  EXPECT_EQ(ParentPath("spec.data[\"nginx.conf\"]"), "spec.data");
  EXPECT_EQ(ParentPath("spec.tasks[2]"), "spec.tasks");
  EXPECT_EQ(ParentPath("spec.tasks[2].name"), "spec.tasks[2]");
  EXPECT_EQ(ParentPath("spec"), "");
  EXPECT_EQ(EditDistance("comand", "command", 3), 1u);
  EXPECT_EQ(EditDistance("sepc", "spec", 3), 1u);
  EXPECT_EQ(EditDistance("abc", "xyz", 2), 3u);
}

TEST(RegistryTest, HasARowForEveryKind) {
  EXPECT_EQ(Kinds().size(), static_cast<size_t>(v1::Resource::descriptor()->field_count()));
  std::set<std::string> names;
  for (const KindInfo& info : Kinds()) {
    for (const std::string& name : {info.plural, info.short_name}) {
      EXPECT_TRUE(names.insert(name).second) << name;
      EXPECT_EQ(FindKind(name), &info);
    }
    EXPECT_EQ(FindKind(info.kind), &info);
    auto object = NewObject(info);
    MutableMeta(*object).set_name("n");
    const v1::Resource resource = WrapObject(*object);
    EXPECT_EQ(MetaOf(ObjectOf(resource)).name(), "n");
    EXPECT_EQ(&KindOf(ObjectOf(resource)), &info);
  }
  EXPECT_FALSE(HasObject(v1::Resource()));
  EXPECT_EQ(NearestKind("workloda"), "Workload");
}

TEST(DefaultsTest, FillsInWhatIsUnsetAndNothingElse) {
  v1::Workload workload;
  auto* task = workload.mutable_spec()->mutable_template_()->add_tasks();
  task->mutable_stop()->set_grace("3s");
  task->mutable_health()->mutable_readiness()->mutable_tcp()->mutable_port()->set_number(1);
  ApplyDefaults(workload);
  EXPECT_EQ(workload.spec().kind(), "service");
  EXPECT_EQ(workload.spec().placement().replicas_per_site(), 1);
  EXPECT_EQ(workload.spec().placement().on_disconnect().mode(), "keep");
  EXPECT_EQ(workload.spec().rollout().max_unavailable_per_site(), 1);
  EXPECT_EQ(task->stop().grace(), "3s");
  EXPECT_EQ(task->stop().signal(), "SIGTERM");
  EXPECT_EQ(task->restart().backoff().max(), "1m");
  EXPECT_EQ(task->health().readiness().failure_threshold(), 3);
  EXPECT_FALSE(task->health().has_liveness());
  EXPECT_FALSE(workload.has_status());
  EXPECT_FALSE(workload.has_operations());
  const std::string once = CanonicalBytes(workload);
  ApplyDefaults(workload);
  EXPECT_EQ(CanonicalBytes(workload), once);
}

TEST(DefaultsTest, ALaterReleaseAddsOne) {
  RegisterDefault("perigee.v1.Placement", "spread", "host");
  v1::Workload workload;
  workload.mutable_spec();
  ApplyDefaults(workload);
  EXPECT_EQ(workload.spec().placement().spread(), "host");
  RegisterDefault("perigee.v1.Placement", "spread", "");
}

TEST(DiffTest, NamesTheFieldsThatChange) {
  v1::Workload before;
  before.mutable_metadata()->set_name("web");
  (*before.mutable_metadata()->mutable_labels())["team"] = "a";
  before.mutable_metadata()->set_revision(1);
  auto* task = before.mutable_spec()->mutable_template_()->add_tasks();
  task->set_name("main");
  task->add_command("/bin/a");
  v1::Workload after = before;
  after.mutable_metadata()->set_revision(2);
  after.mutable_status()->set_ready(3);
  EXPECT_TRUE(DiffSpecs(before, after).empty());
  (*after.mutable_metadata()->mutable_labels())["team"] = "b";
  after.mutable_spec()->mutable_template_()->mutable_tasks(0)->set_command(0, "/bin/b");
  after.mutable_spec()->mutable_template_()->mutable_tasks(0)->add_command("-x");
  after.mutable_spec()->mutable_template_()->mutable_tasks(0)->add_ports()->set_port(80);
  const auto changes = DiffSpecs(before, after);
  ASSERT_EQ(changes.size(), 4u);
  EXPECT_EQ(changes[0].field(), "metadata.labels.team");
  EXPECT_EQ(changes[0].before() + ">" + changes[0].after(), "a>b");
  EXPECT_EQ(changes[1].field(), "spec.template.tasks[0].command[0]");
  EXPECT_EQ(changes[2].after(), "-x");
  EXPECT_EQ(changes[2].before(), "");
  EXPECT_EQ(changes[3].field(), "spec.template.tasks[0].ports");
}

TEST(DiffTest, NeverShowsASecret) {
  v1::Secret before;
  (*before.mutable_spec()->mutable_data())["k"] = "hunter2";
  v1::Secret after = before;
  EXPECT_TRUE(DiffSpecs(before, after).empty());
  (*after.mutable_spec()->mutable_data())["k"] = "hunter3";
  const auto changes = DiffSpecs(before, after);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].field(), "spec.data");
  EXPECT_EQ(changes[0].ShortDebugString().find("hunter"), std::string::npos);
}

TEST(TextTest, LeavesSecretsOut) {
  v1::Secret secret;
  secret.mutable_metadata()->set_name("s");
  (*secret.mutable_spec()->mutable_data())["k"] = "hunter2";
  secret.mutable_spec()->set_encrypted("hunter2");
  EXPECT_EQ(ToYaml(secret), "apiVersion: perigee.dev/v1\nkind: Secret\nmetadata:\n  name: s\nspec: {}\n");
  EXPECT_EQ(ToJson(secret).find("hunter2"), std::string::npos);
}

TEST(TextTest, WritesYamlAsPeopleDo) {
  v1::Workload workload;
  workload.mutable_metadata()->set_name("12");
  workload.mutable_metadata()->mutable_created_at()->set_seconds(1767225600);
  auto* task = workload.mutable_spec()->mutable_template_()->add_tasks();
  for (const char* word : {"/bin/a", "daemon off;", "yes", "", "a\nb\n", "x\x1b[0m", "\xE2\x80\xAE"})
    task->add_command(word);
  task->add_ports()->mutable_host()->set_number(80);
  workload.mutable_status();
  EXPECT_EQ(
      ToYaml(workload),
      "apiVersion: perigee.dev/v1\nkind: Workload\nmetadata:\n  name: \"12\"\n"
      "  createdAt: \"2026-01-01T00:00:00Z\"\nspec:\n  template:\n    tasks:\n    - command:\n"
      "      - /bin/a\n      - daemon off;\n      - \"yes\"\n      - \"\"\n      - |\n        a\n        b\n"
      "      - \"x\\u001b[0m\"\n      - \"\\u202e\"\n      ports:\n      - host: 80\n"
      "status:\n  replicas: 0\n  updated: 0\n  ready: 0\n  stale: 0\n");
}

}  // namespace
}  // namespace perigee
