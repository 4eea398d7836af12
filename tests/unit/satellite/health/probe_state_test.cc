#include "satellite/health/probe_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perigee::satellite {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kStart = absl::Seconds(100);

ProbeSpec Spec(absl::Duration period = absl::Seconds(5)) {
  ProbeSpec spec;
  spec.period = period;
  return spec;
}

// Asks `role` when it is due and answers; returns the time.
absl::Duration Answer(ProbeState& state, ProbeRole role, bool ok) {
  const absl::Duration due = state.NextDue();
  EXPECT_THAT(state.TakeDue(due), ElementsAre(role));
  state.OnResult(role, {ok, ok ? "" : "refused"}, due);
  return due;
}

TEST(ProbeState, WithoutProbesIsReady) {
  ProbeState state({}, kStart);
  EXPECT_EQ(state.View(), HealthView());
  EXPECT_EQ(state.NextDue(), absl::InfiniteDuration());
}

TEST(ProbeState, AsksQuicklyUntilTheFirstSuccess) {
  ProbeState state({{ProbeRole::kReadiness, Spec()}}, kStart);
  EXPECT_FALSE(state.View().ready);
  EXPECT_EQ(Answer(state, ProbeRole::kReadiness, false), kStart + absl::Milliseconds(20));
  EXPECT_EQ(Answer(state, ProbeRole::kReadiness, false), kStart + absl::Milliseconds(40));
  EXPECT_EQ(Answer(state, ProbeRole::kReadiness, true), kStart + absl::Milliseconds(80));
  EXPECT_TRUE(state.View().ready);
  EXPECT_EQ(state.NextDue(), kStart + absl::Milliseconds(80) + absl::Seconds(5));
}

TEST(ProbeState, ReadinessFailsAtTheThresholdAndComesBack) {
  ProbeState state({{ProbeRole::kReadiness, Spec()}}, kStart);
  Answer(state, ProbeRole::kReadiness, true);
  Answer(state, ProbeRole::kReadiness, false);
  Answer(state, ProbeRole::kReadiness, false);
  EXPECT_TRUE(state.View().ready) << "below the threshold";
  Answer(state, ProbeRole::kReadiness, false);
  EXPECT_FALSE(state.View().ready);
  EXPECT_TRUE(state.View().alive);
  EXPECT_THAT(state.View().message, HasSubstr("readiness probe: refused"));
  Answer(state, ProbeRole::kReadiness, true);
  EXPECT_TRUE(state.View().ready);
  EXPECT_EQ(state.View().message, "");
}

TEST(ProbeState, SuccessThresholdCountsInARow) {
  ProbeSpec spec = Spec();
  spec.success_threshold = 2;
  ProbeState state({{ProbeRole::kReadiness, spec}}, kStart);
  Answer(state, ProbeRole::kReadiness, true);
  Answer(state, ProbeRole::kReadiness, false);
  Answer(state, ProbeRole::kReadiness, true);
  EXPECT_FALSE(state.View().ready);
  Answer(state, ProbeRole::kReadiness, true);
  EXPECT_TRUE(state.View().ready);
}

TEST(ProbeState, StartupHoldsTheOthersBack) {
  ProbeState state({{ProbeRole::kStartup, Spec()}, {ProbeRole::kLiveness, Spec()}}, kStart);
  EXPECT_FALSE(state.View().started);
  Answer(state, ProbeRole::kStartup, false);
  const absl::Duration passed = Answer(state, ProbeRole::kStartup, true);
  EXPECT_TRUE(state.View().started);
  EXPECT_THAT(state.TakeDue(passed), ElementsAre(ProbeRole::kLiveness)) << "startup is not asked again";
}

TEST(ProbeState, LivenessFailureIsForGoodUntilItPassesAgain) {
  ProbeState state({{ProbeRole::kLiveness, Spec()}}, kStart);
  Answer(state, ProbeRole::kLiveness, true);
  for (int i = 0; i < 3; ++i) Answer(state, ProbeRole::kLiveness, false);
  EXPECT_FALSE(state.View().alive);
}

TEST(ProbeState, QuickFailuresDoNotCountAgainstAProgramThatStarts) {
  ProbeState state({{ProbeRole::kLiveness, Spec(absl::Seconds(1))}}, kStart);
  int asked = 0;
  while (state.View().alive) {
    Answer(state, ProbeRole::kLiveness, false);
    ++asked;
  }
  EXPECT_EQ(asked, 6 + 3) << "20, 40, 80, 160, 320, 640 ms, then the threshold at the period";
}

TEST(ProbeState, AnAdoptedRunIsAsRecordedUntilItsProbesDecide) {
  const ProbeSpecs specs = {{ProbeRole::kStartup, Spec()}, {ProbeRole::kReadiness, Spec()}};
  ProbeState passes(specs, kStart, RecalledHealth{.started = true, .ready = true});
  EXPECT_TRUE(passes.View().started);
  EXPECT_TRUE(passes.View().ready);
  EXPECT_FALSE(passes.View().known);
  Answer(passes, ProbeRole::kReadiness, true);
  EXPECT_EQ(passes.View(), HealthView());
  ProbeState fails(specs, kStart, RecalledHealth{.started = true, .ready = true});
  for (int i = 0; i < 20; ++i) Answer(fails, ProbeRole::kReadiness, false);
  EXPECT_FALSE(fails.View().ready);
  EXPECT_TRUE(fails.View().known);
}

TEST(ProbeState, IsAskedOnceAtATime) {
  ProbeState state({{ProbeRole::kReadiness, Spec()}}, kStart);
  EXPECT_THAT(state.TakeDue(kStart + absl::Seconds(1)), ElementsAre(ProbeRole::kReadiness));
  EXPECT_THAT(state.TakeDue(kStart + absl::Hours(1)), IsEmpty());
}

TEST(ProbesOf, NamesPortsAndDefaults) {
  v1::WorkloadTask task;
  task.mutable_health()->mutable_readiness()->mutable_http()->mutable_port()->set_name("http");
  task.mutable_health()->mutable_liveness()->mutable_tcp()->mutable_port()->set_number(9000);
  task.mutable_health()->mutable_liveness()->set_period("10s");
  task.mutable_health()->mutable_liveness()->set_failure_threshold(7);
  auto specs = ProbesOf(task, {{"http", 8080}}, "127.0.0.9", {"A=b"});
  ASSERT_TRUE(specs.ok()) << specs.status();
  EXPECT_EQ(specs->at(ProbeRole::kReadiness).target.port, 8080);
  EXPECT_EQ(specs->at(ProbeRole::kReadiness).target.path, "/");
  EXPECT_EQ(specs->at(ProbeRole::kReadiness).target.host, "127.0.0.9");
  EXPECT_EQ(specs->at(ProbeRole::kLiveness).target.port, 9000);
  EXPECT_EQ(specs->at(ProbeRole::kLiveness).period, absl::Seconds(10));
  EXPECT_EQ(specs->at(ProbeRole::kLiveness).failure_threshold, 7);
  EXPECT_FALSE(specs->contains(ProbeRole::kStartup));
}

TEST(ProbesOf, RefusesAPortThatIsNotThere) {
  v1::WorkloadTask task;
  task.mutable_health()->mutable_readiness()->mutable_tcp()->mutable_port()->set_name("htpp");
  EXPECT_EQ(ProbesOf(task, {{"http", 8080}}, "127.0.0.1", {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perigee::satellite
