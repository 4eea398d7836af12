// A shim that hangs holds up nobody but its own replica.
#include <signal.h>

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "tests/conformance/satellite/runtime/adoption_fixture.h"

namespace perigee::satellite {
namespace {

// A shim that hangs, as one whose log is on a stuck disk: the launcher waits for none.
class HungShim : public AdoptionTest {
 protected:
  HungShim() {
    launcher_.Start();
    Connect();
    EXPECT_TRUE(runtime_->Start(Recorder("hung")).ok());
    EXPECT_TRUE(runtime_->Start(Recorder("well")).ok());
    hung_ = StateOf("hung");
    EXPECT_EQ(kill(hung_.shim.pid, SIGSTOP), 0);
  }
  ~HungShim() override { kill(hung_.shim.pid, SIGCONT); }
  absl::Status Extend(const std::string& id) {
    return runtime_->Limit(id, {.limits = std::nullopt, .lease = absl::Hours(10'000)});
  }

  State hung_;
};

TEST_F(HungShim, ARemovalSaysThatItIsNotDoneAndNeighboursKeepTheirLeases) {
  std::atomic<bool> done = false;
  std::thread removing([&] {
    const absl::Status status = runtime_->Remove("hung", RemoveMode::kForce);
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
    done = true;
  });
  int extended = 0;
  while (!done) {
    EXPECT_TRUE(Extend("well").ok());
    ++extended;
  }
  removing.join();
  EXPECT_GT(extended, 1) << "one removal does not hold the others up";
  EXPECT_EQ(LivenessOf(hung_.shim), Liveness::kAlive);
  ASSERT_EQ(kill(hung_.shim.pid, SIGCONT), 0);
  EXPECT_TRUE(Eventually([&] { return runtime_->Remove("hung", RemoveMode::kForce).ok(); }));
  EXPECT_EQ(LivenessOf(hung_.child), Liveness::kGone);
}

TEST_F(HungShim, IsKilledInTheEndWhenItIsRemoved) {
  EXPECT_TRUE(Eventually([&] { return runtime_->Remove("hung", RemoveMode::kForce).ok(); }));
  EXPECT_EQ(LivenessOf(hung_.shim), Liveness::kGone);
  EXPECT_EQ(LivenessOf(hung_.child), Liveness::kGone);
  ASSERT_EQ(All().size(), 1u);
  EXPECT_EQ(All()[0].id, "well");
}

TEST_F(HungShim, CostsOneWaitAndIsHeardAgain) {
  EXPECT_TRUE(absl::IsUnavailable(Extend("hung")));
  const absl::Time begin = absl::Now();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(absl::IsUnavailable(Extend("hung")));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(30)) << "not a wait for each";
  EXPECT_TRUE(Extend("well").ok());
  ASSERT_EQ(kill(hung_.shim.pid, SIGCONT), 0);
  EXPECT_TRUE(Eventually([&] { return Extend("hung").ok(); }));
}

}  // namespace
}  // namespace perigee::satellite
