// Replicas that the satellite's control plane has not named: of an earlier enrolment, or another agent's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "satellite/agent/launch.h"
#include "shared/base/files.h"
#include "tests/unit/satellite/agent/loop_fixture.h"

namespace perigee::satellite {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EnrolledAnewTest : public LoopTest {
 protected:
  // r1 runs, with logs in this data directory; then the host becomes another satellite.
  void Become(const std::string& uid) {
    ASSERT_TRUE(*state_->BelongTo(uid));
    absl::MutexLock lock(&mutex_);
    statuses_.clear();
    everything_ = false;
  }
  bool AwaitEverything() {
    return Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return everything_; });
  }
  bool Runs(const std::string& id) {
    const std::vector<Observed> all = *runtime_.Adopt();
    for (const Observed& one : all) {
      if (one.id == id) return one.phase == Phase::kRunning;
    }
    return false;
  }
};

TEST_F(EnrolledAnewTest, WhatRanGoesOnUnreportedUntilTheFirstEntriesThenEnds) {
  ASSERT_FALSE(*state_->BelongTo("earlier"));
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  ASSERT_TRUE(EnsureDirectory(path_ + "/logs", 0700).ok());
  ASSERT_TRUE(EnsureDirectory(LogDirectory(path_, "r1"), 0700).ok());
  loop_.reset();
  Become("later");
  StartAgent();
  ASSERT_TRUE(AwaitEverything());
  EXPECT_TRUE(Runs("r1")) << "nothing is known of what should be";
  EXPECT_TRUE(Await([&] { return loop_->View().replicas.size() == 1; })) << "people at the site see it";
  StartAgent();  // which the book of the first round does not change
  Deliver({{"replica/r2", Replica("r2")}});
  ASSERT_TRUE(AwaitState("r2", "Ready"));
  EXPECT_TRUE(Await([&] { return !Runs("r1") && loop_->View().replicas.size() == 1; }));
  EXPECT_FALSE(FileExists(LogDirectory(path_, "r1")));
  const std::vector<v1::Event> events = *state_->EventsAfter(0, 1000);
  for (const v1::Event& event : events) EXPECT_NE(event.object().uid(), "r1") << event.ShortDebugString();
  absl::MutexLock lock(&mutex_);
  EXPECT_FALSE(statuses_.contains("r1")) << "the centre knows it as another satellite's";
}

TEST_F(EnrolledAnewTest, AReplicaOfAnotherAgentIsLeftAloneAndSaid) {
  StartRequest strange;
  strange.id = "stranger";
  strange.entry_sha256 = std::string(64, 'a');
  strange.log_dir = "/elsewhere/logs/stranger";
  strange.command = {"/bin/true"};
  ASSERT_TRUE(runtime_.Start(strange).ok());
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  ASSERT_TRUE(AwaitCondition("RuntimeOwned", "False"));
  EXPECT_TRUE(Runs("stranger"));
  EXPECT_EQ(state_->Books()->size(), 1u);
  const std::vector<std::string> problems = loop_->View().problems;
  EXPECT_THAT(problems, testing::Contains(HasSubstr("left alone: stranger")));
  {
    absl::MutexLock lock(&mutex_);
    EXPECT_FALSE(statuses_.contains("stranger"));
  }
  ASSERT_TRUE(runtime_.Remove("stranger", RemoveMode::kForce).ok());
  StartAgent();
  EXPECT_TRUE(AwaitCondition("RuntimeOwned", "True"));
}

}  // namespace
}  // namespace perigee::satellite
