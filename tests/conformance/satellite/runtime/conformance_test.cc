// What every runtime does, judged for each: the fake one, the processes of a
// launcher with root's privileges, and those of one without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "satellite/runtime/fake_runtime.h"
#include "satellite/runtime/process_runtime.h"
#include "shared/base/clock.h"
#include "tests/conformance/satellite/runtime/launcher_process.h"

namespace perigee::satellite {
namespace {

using ::testing::ElementsAre;

// A runtime and the world that it acts on.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual Runtime& runtime() = 0;
  virtual StartRequest Running(const std::string& id) = 0;
  virtual StartRequest IgnoringStop(const std::string& id) = 0;
  virtual StartRequest Missing(const std::string& id) = 0;
  virtual ExecRequest EndingWith(int code) = 0;
  virtual ExecRequest NeverEnding() = 0;              // of a timeout that passes soon
  virtual void AwaitWork(const std::string& id) = 0;  // a program that ignores signals does so from now on
  virtual void KillFromOutside(const Observed& observed) = 0;
  virtual absl::Duration SinceBoot() = 0;
  virtual void Pass(absl::Duration time) = 0;  // where time has to be made
};

class FakeSubject final : public Subject {
 public:
  Runtime& runtime() override { return runtime_; }
  StartRequest Running(const std::string& id) override {
    StartRequest request;
    request.id = id;
    request.entry_sha256 = std::string(64, 'a');
    request.command = {"/bin/program"};
    request.log_dir = "/var/log/" + id;
    request.grace = absl::Milliseconds(200);
    return request;
  }
  StartRequest IgnoringStop(const std::string& id) override {
    runtime_.IgnoreStop(id);
    return Running(id);
  }
  StartRequest Missing(const std::string& id) override {
    runtime_.FailToStart("/no/such/program", ENOENT);
    StartRequest request = Running(id);
    request.command = {"/no/such/program"};
    return request;
  }
  ExecRequest EndingWith(int code) override {
    const ExecRequest request{{"/bin/program", "exit", std::to_string(code)}, {}, absl::Seconds(10)};
    runtime_.AnswerExec(request.command, ExecOutcome{{Exit::Kind::kCode, code}});
    return request;
  }
  ExecRequest NeverEnding() override {
    const ExecRequest request{{"/bin/program", "stay"}, {}, absl::Milliseconds(100)};
    runtime_.AnswerExec(request.command, ExecOutcome{{Exit::Kind::kSignal, SIGKILL}, true});
    return request;
  }
  void AwaitWork(const std::string&) override {}
  void KillFromOutside(const Observed& observed) override {
    runtime_.Exits(observed.id, {Exit::Kind::kSignal, SIGKILL});
  }
  absl::Duration SinceBoot() override { return absl::FromChrono(clock_.SinceBoot()); }
  void Pass(absl::Duration time) override {
    clock_.Advance(time);
    runtime_.ExpireLeases();
    runtime_.EndGraces();
  }

 private:
  FakeClock clock_{absl::FromUnixSeconds(1'777'863'721)};
  FakeRuntime runtime_{clock_};
};

class ProcessSubject final : public Subject {
 public:
  explicit ProcessSubject(bool as_root) : launcher_({.as_root = as_root}) {
    launcher_.Start();
    runtime_ = NewProcessRuntime({.runtime_dir = launcher_.runtime_dir()});
    EXPECT_TRUE(Eventually([&] { return runtime_->Adopt().ok(); }));
  }
  Runtime& runtime() override { return *runtime_; }
  StartRequest Running(const std::string& id) override { return launcher_.Request(id, {"stay"}); }
  StartRequest IgnoringStop(const std::string& id) override {
    return launcher_.Request(id, {"ignore-sigterm"});
  }
  StartRequest Missing(const std::string& id) override {
    StartRequest request = launcher_.Request(id, {});
    request.command = {"/no/such/program"};
    return request;
  }
  ExecRequest EndingWith(int code) override {
    return {{ProbePath(), "exit", std::to_string(code)}, {}, absl::Seconds(10)};
  }
  ExecRequest NeverEnding() override { return {{ProbePath(), "stay"}, {}, absl::Milliseconds(100)}; }
  void AwaitWork(const std::string& id) override {
    EXPECT_TRUE(Eventually([&] { return !launcher_.Log(id).empty(); }));
  }
  void KillFromOutside(const Observed& observed) override { EXPECT_EQ(kill(observed.pid, SIGKILL), 0); }
  absl::Duration SinceBoot() override { return absl::FromChrono(SystemClock().SinceBoot()); }
  void Pass(absl::Duration) override {}

 private:
  LauncherProcess launcher_;
  std::unique_ptr<Runtime> runtime_;
};

enum class Kind { kFake, kProcessAsRoot, kProcessAsUser };

std::vector<Kind> KindsHere() {
  if (geteuid() == 0) return {Kind::kFake, Kind::kProcessAsRoot, Kind::kProcessAsUser};
  return {Kind::kFake, Kind::kProcessAsUser};
}

class RuntimeConformance : public ::testing::TestWithParam<Kind> {
 protected:
  RuntimeConformance() {
    if (GetParam() == Kind::kFake) {
      subject_ = std::make_unique<FakeSubject>();
    } else {
      subject_ = std::make_unique<ProcessSubject>(GetParam() == Kind::kProcessAsRoot);
    }
    runtime().Listen(told_.AsListener());
  }
  Runtime& runtime() { return subject_->runtime(); }
  Observed Started(const StartRequest& request) {
    auto observed = runtime().Start(request);
    EXPECT_TRUE(observed.ok()) << observed.status();
    return observed.ok() ? *observed : Observed();
  }
  absl::StatusOr<ExecOutcome> Outcome(const std::string& id, const ExecRequest& request) {
    return OutcomeOfExec(runtime(), id, request);
  }
  std::vector<std::string> Ids() {
    std::vector<std::string> ids;
    const auto all = runtime().Adopt();
    EXPECT_TRUE(all.ok()) << all.status();
    if (all.ok()) {
      for (const Observed& observed : *all) ids.push_back(observed.id);
    }
    return ids;
  }

  Collector told_;
  std::unique_ptr<Subject> subject_;
};

TEST_P(RuntimeConformance, AStartedReplicaRunsAndIsFoundAgain) {
  const Observed started = Started(subject_->Running("b"));
  EXPECT_EQ(started.id, "b");
  EXPECT_EQ(started.phase, Phase::kRunning);
  EXPECT_EQ(started.entry_sha256, std::string(64, 'a'));
  EXPECT_GT(started.pid, 0);
  EXPECT_FALSE(started.run.empty());
  EXPECT_GT(started.started_at, absl::UnixEpoch());
  EXPECT_EQ(started.exit, std::nullopt);
  Started(subject_->Running("a"));
  const auto all = runtime().Adopt();
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].id, "a");
  EXPECT_EQ((*all)[1].run, started.run);
  EXPECT_EQ((*all)[1].pid, started.pid);
}

TEST_P(RuntimeConformance, StartingTheSameAgainStartsNothing) {
  const Observed first = Started(subject_->Running("a"));
  const Observed second = Started(subject_->Running("a"));
  EXPECT_EQ(second.run, first.run);
  subject_->KillFromOutside(first);
  ASSERT_TRUE(told_.AwaitExit("a"));
  const Observed third = Started(subject_->Running("a"));
  EXPECT_EQ(third.run, first.run);
  EXPECT_EQ(third.phase, Phase::kExited);
}

TEST_P(RuntimeConformance, AnotherEntryWaitsForTheRemovalOfTheFirst) {
  const Observed first = Started(subject_->Running("a"));
  StartRequest other = subject_->Running("a");
  other.entry_sha256 = std::string(64, 'b');
  EXPECT_TRUE(absl::IsAlreadyExists(runtime().Start(other).status()));
  EXPECT_TRUE(RemoveWholly(runtime(), "a", RemoveMode::kForce).ok());
  const Observed second = Started(other);
  EXPECT_EQ(second.entry_sha256, other.entry_sha256);
  EXPECT_NE(second.run, first.run);
}

TEST_P(RuntimeConformance, AProgramThatIsMissingIsToldAsThat) {
  const Observed observed = Started(subject_->Missing("a"));
  EXPECT_EQ(observed.phase, Phase::kExited);
  ASSERT_TRUE(observed.exit);
  EXPECT_EQ(observed.exit->kind, Exit::Kind::kNotStarted);
  EXPECT_EQ(observed.exit->number, ENOENT);
  EXPECT_EQ(observed.exit->error, "program not found: /no/such/program");
  EXPECT_TRUE(told_.AwaitExit("a"));
  EXPECT_TRUE(RemoveWholly(runtime(), "a").ok());
  EXPECT_THAT(Ids(), ElementsAre());
}

TEST_P(RuntimeConformance, AnInvalidRequestIsRefused) {
  StartRequest request = subject_->Running("../a");
  EXPECT_TRUE(absl::IsInvalidArgument(runtime().Start(request).status()));
  request = subject_->Running("a");
  request.files = {{"/proc/self/mem", 0444, ""}};
  EXPECT_TRUE(absl::IsInvalidArgument(runtime().Start(request).status()));
  EXPECT_THAT(Ids(), ElementsAre());
}

TEST_P(RuntimeConformance, AnEndThatNobodyAskedForIsTold) {
  const Observed started = Started(subject_->Running("a"));
  subject_->KillFromOutside(started);
  ASSERT_TRUE(told_.AwaitExit("a"));
  const Observed ended = told_.Last("a");
  EXPECT_EQ(ended.exit, (Exit{Exit::Kind::kSignal, SIGKILL}));
  EXPECT_EQ(ended.run, started.run);
  EXPECT_FALSE(ended.oom);
  EXPECT_GE(ended.exited_at, started.started_at);
  EXPECT_THAT(Ids(), ElementsAre("a"));
}

TEST_P(RuntimeConformance, ASignalArrives) {
  Started(subject_->Running("a"));
  EXPECT_TRUE(runtime().Signal("a", SIGCHLD).ok());
  EXPECT_TRUE(runtime().Signal("a", SIGUSR1).ok());
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kSignal, SIGUSR1}));
  EXPECT_TRUE(absl::IsFailedPrecondition(runtime().Signal("a", SIGTERM)));
  EXPECT_TRUE(absl::IsNotFound(runtime().Signal("none", SIGTERM)));
}

TEST_P(RuntimeConformance, StopSendsTheStopSignalOfTheRequest) {
  StartRequest request = subject_->Running("a");
  request.stop_signal = SIGINT;
  Started(request);
  EXPECT_TRUE(runtime().Stop("a").ok());
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kSignal, SIGINT}));
  EXPECT_TRUE(absl::IsFailedPrecondition(runtime().Stop("a")));
  EXPECT_TRUE(absl::IsNotFound(runtime().Stop("none")));
}

TEST_P(RuntimeConformance, WhatIgnoresItsStopIsKilledAfterTheGrace) {
  Started(subject_->IgnoringStop("a"));
  subject_->AwaitWork("a");
  EXPECT_TRUE(runtime().Stop("a").ok());
  EXPECT_TRUE(runtime().Stop("a").ok());  // a second time changes nothing
  subject_->Pass(absl::Milliseconds(200));
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kSignal, SIGKILL}));
}

TEST_P(RuntimeConformance, RemovingWaitsForTheEndUnlessForced) {
  const Observed first = Started(subject_->Running("a"));
  EXPECT_TRUE(absl::IsFailedPrecondition(runtime().Remove("a")));
  EXPECT_THAT(Ids(), ElementsAre("a"));
  EXPECT_TRUE(RemoveWholly(runtime(), "a", RemoveMode::kForce).ok());
  EXPECT_THAT(Ids(), ElementsAre());
  EXPECT_TRUE(RemoveWholly(runtime(), "a").ok());
  EXPECT_NE(Started(subject_->Running("a")).run, first.run);
}

TEST_P(RuntimeConformance, ALeaseThatPassesStopsTheReplica) {
  StartRequest request = subject_->Running("a");
  request.lease = subject_->SinceBoot() + absl::Milliseconds(100);
  Started(request);
  subject_->Pass(absl::Milliseconds(100));
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_TRUE(told_.Last("a").lease_expired);
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kSignal, SIGTERM}));
}

TEST_P(RuntimeConformance, ALeaseCanBeExtendedAndTakenAwayUntilItHasPassed) {
  StartRequest request = subject_->IgnoringStop("a");
  request.lease = subject_->SinceBoot() + absl::Hours(1);
  request.grace = absl::Hours(1);
  Started(request);
  subject_->AwaitWork("a");
  EXPECT_TRUE(runtime().Limit("a", {.lease = subject_->SinceBoot() + absl::Hours(2)}).ok());
  EXPECT_TRUE(runtime().Limit("a", {.lease = std::optional<absl::Duration>()}).ok());
  EXPECT_TRUE(runtime().Limit("a", {.lease = subject_->SinceBoot() + absl::Milliseconds(20)}).ok());
  subject_->Pass(absl::Milliseconds(20));
  ASSERT_TRUE(told_.Await("a", [](const Observed& observed) { return observed.lease_expired; }));
  EXPECT_EQ(told_.Last("a").phase, Phase::kRunning);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(runtime().Limit("a", {.lease = subject_->SinceBoot() + absl::Hours(2)})));
  EXPECT_TRUE(RemoveWholly(runtime(), "a", RemoveMode::kForce).ok());
}

TEST_P(RuntimeConformance, ACommandBesideTheProcessTellsHowItEnded) {
  const Observed started = Started(subject_->Running("a"));
  for (const int code : {0, 3}) {
    const auto outcome = Outcome("a", subject_->EndingWith(code));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(*outcome, (ExecOutcome{{Exit::Kind::kCode, code}, false}));
  }
  const auto late = Outcome("a", subject_->NeverEnding());
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(*late, (ExecOutcome{{Exit::Kind::kSignal, SIGKILL}, true}));
  const auto missing = Outcome("a", {subject_->Missing("b").command, {}, absl::Seconds(10)});
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_EQ(missing->exit.kind, Exit::Kind::kNotStarted);
  EXPECT_EQ(missing->exit.error, "program not found: /no/such/program");
  const auto all = runtime().Adopt();
  ASSERT_TRUE(all.ok());
  EXPECT_EQ((*all)[0].phase, Phase::kRunning);
  EXPECT_EQ((*all)[0].run, started.run);
}

TEST_P(RuntimeConformance, ACommandNeedsAReplicaThatRuns) {
  const ExecRequest request = subject_->EndingWith(0);
  EXPECT_TRUE(absl::IsNotFound(Outcome("a", request).status()));
  const Observed started = Started(subject_->Running("a"));
  EXPECT_TRUE(absl::IsInvalidArgument(Outcome("a", {{}, {}, absl::Seconds(1)}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Outcome("a", {request.command, {}, absl::ZeroDuration()}).status()));
  subject_->KillFromOutside(started);
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Outcome("a", request).status()));
}

TEST_P(RuntimeConformance, LimitsAreCheckedAndChanged) {
  EXPECT_TRUE(absl::IsNotFound(runtime().Limit("a", {.limits = ResourceLimits{}})));
  const Observed started = Started(subject_->Running("a"));
  EXPECT_TRUE(runtime().Limit("a", {.limits = ResourceLimits{256 << 20, 500, 100}}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(runtime().Limit("a", {.limits = ResourceLimits{-1, 0, 0}})));
  subject_->KillFromOutside(started);
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_TRUE(absl::IsFailedPrecondition(runtime().Limit("a", {.limits = ResourceLimits{}})));
}

INSTANTIATE_TEST_SUITE_P(All, RuntimeConformance, ::testing::ValuesIn(KindsHere()),
                         [](const ::testing::TestParamInfo<Kind>& info) {
                           switch (info.param) {
                             case Kind::kFake:
                               return "Fake";
                             case Kind::kProcessAsRoot:
                               return "ProcessAsRoot";
                             case Kind::kProcessAsUser:
                               return "ProcessAsUser";
                           }
                           return "";
                         });

}  // namespace
}  // namespace perigee::satellite
