#include "control-plane/cloudctl/jsonpath.h"

#include "control-plane/cloudctl/times.h"
#include "shared/resource/manifest.h"

namespace perigee::control {
namespace {

Node Tree() {
  return ReadYaml(R"(
kind: List
items:
- metadata: {name: a, labels: {app.kubernetes.io/name: x, tier: web}}
  status: {state: Ready, count: 1, ports: [80, 443]}
- metadata: {name: b, labels: {tier: db}}
  status: {state: "Back off", count: 2, ports: []}
)",
                  "t")
      .documents[0];
}

struct Case {
  const char* path;
  const char* expected;
};
class JsonPathTest : public ::testing::TestWithParam<Case> {};

TEST_P(JsonPathTest, Evaluates) {
  const auto text = EvaluateJsonPath(GetParam().path, Tree());
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Paths, JsonPathTest,
    ::testing::Values(Case{"{.kind}", "List"}, Case{".kind", "List"}, Case{"{$.kind}", "List"},
                      Case{"{.nothing.there}", ""}, Case{"{.items[0].metadata.name}", "a"},
                      Case{"{.items[-1].metadata.name}", "b"}, Case{"{.items[7]}", ""},
                      Case{"{.items[*].metadata.name}", "a b"}, Case{"{.items[0].status.ports[1]}", "443"},
                      Case{"{.items[0].metadata.labels['app.kubernetes.io/name']}", "x"},
                      Case{"{.items[0].metadata.labels[\"tier\"]}", "web"},
                      Case{"{.items[*].metadata.labels.*}", "x web db"},
                      Case{"{.items[?(@.status.state==\"Ready\")].metadata.name}", "a"},
                      Case{"{.items[?(@.status.state!='Ready')].metadata.name}", "b"},
                      Case{"{.items[?(@.metadata.labels.tier)].metadata.name}", "a b"},
                      Case{"{.items[?(@.status.count==2)].metadata.name}", "b"},
                      Case{"{range .items[*]}{.metadata.name}={.status.count}{\"\\n\"}{end}done",
                           "a=1\nb=2\ndone"},
                      Case{"{range .items[*]}{range .status.ports[*]}{.}{','}{end};{end}", "80,443,;;"},
                      Case{"{range .none[*]}{.x}{end}", ""},
                      Case{"name: {.items[0].metadata.name}!", "name: a!"},
                      Case{"{.items[1].status.ports}", "[]"}));

TEST(JsonPathErrorTest, SaysWhereItIsWrong) {
  for (const char* path : {"", "{", "{.a", "{.items[}", "{.items[x]}", "{items}", "{..name}", "{end}",
                           "{range .items[*]}", "{.items['a]}", "{.items[?(.a)]}", "{\"a}"}) {
    const auto text = EvaluateJsonPath(path, Tree());
    EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument) << path;
  }
}

TEST(TimesTest, AgesInTheLargerUnit) {
  const absl::Time now = absl::FromUnixSeconds(1'767'268'980);
  const auto age = [&](int64_t seconds) {
    google::protobuf::Timestamp stamp;
    stamp.set_seconds(1'767'268'980 - seconds);
    return AgeText(stamp, now);
  };
  EXPECT_EQ(age(0), "0s");
  EXPECT_EQ(age(119), "119s");
  EXPECT_EQ(age(120), "2m");
  EXPECT_EQ(age(3 * 3600), "3h");
  EXPECT_EQ(age(50 * 3600), "2d");
  EXPECT_EQ(age(-100), "0s") << "a clock at a site may be ahead";
  EXPECT_EQ(AgeText({}, now), "");
}

TEST(TimesTest, FreshnessNamesTheTimeAndForAnotherDayTheDate) {
  const absl::Time now = absl::FromUnixSeconds(1'767'268'980);
  v1::Freshness freshness;
  EXPECT_EQ(FreshnessText(freshness, now, absl::UTCTimeZone()), "unknown since restart");
  freshness.set_state("stale");
  freshness.mutable_since()->set_seconds(1'767'268'980);
  EXPECT_EQ(FreshnessText(freshness, now, absl::UTCTimeZone()), "stale since 12:03");
  freshness.mutable_since()->set_seconds(1'767'268'980 - 86'400);
  EXPECT_EQ(FreshnessText(freshness, now, absl::UTCTimeZone()), "stale since 2025-12-31 12:03");
  freshness.set_state("live");
  EXPECT_EQ(FreshnessText(freshness, now, absl::UTCTimeZone()), "live");
}

}  // namespace
}  // namespace perigee::control
