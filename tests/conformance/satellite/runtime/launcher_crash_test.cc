// The launcher dies or fails at each point of what it does: nothing is lost, and nothing is left over.
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "satellite/shim/descendants.h"
#include "tests/conformance/satellite/runtime/adoption_fixture.h"

namespace perigee::satellite {
namespace {

// The launcher dies at each point of a start: the next one finds the replica or
// nothing of it, and starting again gives exactly one process.
class StartCrash : public AdoptionTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(StartCrash, LeavesAReplicaOrNothing) {
  launcher_.Start(absl::StrCat(GetParam(), "=crash"));
  Connect();
  EXPECT_TRUE(absl::IsUnavailable(runtime_->Start(Recorder("a")).status()));
  ASSERT_TRUE(launcher_.AwaitEnd());
  launcher_.Start();
  const std::vector<Observed> before = All();
  EXPECT_LE(before.size(), 1u);
  const auto started = runtime_->Start(Recorder("a"));
  ASSERT_TRUE(started.ok()) << started.status();
  if (!before.empty() && !before[0].run.empty()) {
    EXPECT_EQ(started->run, before[0].run);
  }
  EXPECT_TRUE(Eventually([&] { return All().at(0).phase == Phase::kRunning && Starts("a") == 1; }));
  EXPECT_TRUE(RemoveWholly(*runtime_, "a", RemoveMode::kForce).ok());
  EXPECT_TRUE(All().empty());
}

INSTANTIATE_TEST_SUITE_P(Points, StartCrash,
                         ::testing::Values("launcher.start.before_mkdir", "launcher.start.after_mkdir",
                                           "launcher.start.before_cgroup", "launcher.start.after_cgroup",
                                           "launcher.start.before_spec", "launcher.start.before_spawn",
                                           "launcher.start.after_spawn", "files.write.before_rename"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// An error at each point is told, leaves nothing, and the next start succeeds.
class StartError : public AdoptionTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(StartError, LeavesNothing) {
  launcher_.Start(absl::StrCat(GetParam(), "=error@1"));
  Connect();
  EXPECT_FALSE(runtime_->Start(Recorder("a")).ok());
  EXPECT_TRUE(All().empty());
  EXPECT_FALSE(FileExists(launcher_.runtime_dir() + "/replicas/a"));
  EXPECT_TRUE(runtime_->Start(Recorder("a")).ok());
}

INSTANTIATE_TEST_SUITE_P(Points, StartError,
                         ::testing::Values("launcher.start.before_mkdir", "launcher.start.after_mkdir",
                                           "launcher.start.before_cgroup", "launcher.start.after_cgroup",
                                           "launcher.start.before_spec", "launcher.start.before_spawn",
                                           "launcher.start.after_spawn"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

class ShimCrash : public AdoptionTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(ShimCrash, IsToldAndLeavesNoProcess) {
  launcher_.Start(absl::StrCat(GetParam(), "=crash"));
  Connect();
  const auto started = runtime_->Start(Recorder("a"));
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_TRUE(Eventually([&] { return All().at(0).phase == Phase::kExited; }));
  EXPECT_NE(All().at(0).exit->kind, Exit::Kind::kCode);
  const pid_t process = All().at(0).pid;
  if (process > 0) {
    for (const ProcessIdentity& member : MembersOfSession(process))
      EXPECT_EQ(LivenessOf(member), Liveness::kGone);
  }
  EXPECT_TRUE(RemoveWholly(*runtime_, "a").ok());
  EXPECT_TRUE(All().empty());
}

INSTANTIATE_TEST_SUITE_P(Points, ShimCrash,
                         ::testing::Values("shim.start.before_state", "shim.start.after_fork",
                                           "shim.state.before_write"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

class RemoveCrash : public AdoptionTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(RemoveCrash, CanBeRepeated) {
  launcher_.Start(absl::StrCat(GetParam(), "=crash"));
  Connect();
  ASSERT_TRUE(runtime_->Start(Recorder("a")).ok());
  const State state = StateOf("a");
  EXPECT_TRUE(absl::IsUnavailable(runtime_->Remove("a", RemoveMode::kForce)));
  ASSERT_TRUE(launcher_.AwaitEnd());
  launcher_.Start();
  All();
  EXPECT_TRUE(RemoveWholly(*runtime_, "a", RemoveMode::kForce).ok());
  EXPECT_TRUE(All().empty());
  EXPECT_EQ(LivenessOf(state.child), Liveness::kGone);
  EXPECT_EQ(LivenessOf(state.shim), Liveness::kGone);
  EXPECT_FALSE(FileExists(launcher_.runtime_dir() + "/replicas/a"));
}

INSTANTIATE_TEST_SUITE_P(Points, RemoveCrash,
                         ::testing::Values("launcher.remove.before_shim", "launcher.remove.after_shim",
                                           "launcher.remove.before_directory"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace perigee::satellite
