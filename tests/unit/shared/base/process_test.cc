#include "shared/base/process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace perigee {
namespace {

// A child that waits to be killed.
class Child {
 public:
  Child() : pid_(fork()) {
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (true) pause();
    }
  }
  ~Child() {
    kill(pid_, SIGKILL);
    Reap();
  }
  void Kill() const { kill(pid_, SIGKILL); }
  void WaitForZombie() const {
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void Reap() const { waitpid(pid_, nullptr, 0); }
  pid_t pid() const { return pid_; }

 private:
  const pid_t pid_;
};

TEST(Process, IdentityIsOfOneLife) {
  const Child child;
  const auto identity = IdentityOf(child.pid());
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->boot_id.size(), 36u);
  EXPECT_EQ(*identity, *IdentityOf(child.pid()));
  EXPECT_EQ(LivenessOf(*identity), Liveness::kAlive);

  ProcessIdentity other = *identity;
  other.start_ticks += 1;
  EXPECT_EQ(LivenessOf(other), Liveness::kGone);
  EXPECT_EQ(OpenProcess(other).status().code(), absl::StatusCode::kNotFound);
  other = *identity;
  other.boot_id = "00000000-0000-0000-0000-000000000000";
  EXPECT_EQ(LivenessOf(other), Liveness::kGone);

  child.Kill();
  child.WaitForZombie();
  EXPECT_EQ(LivenessOf(*identity), Liveness::kGone) << "a zombie does not live";
  child.Reap();
  EXPECT_EQ(LivenessOf(*identity), Liveness::kGone);
  EXPECT_EQ(IdentityOf(child.pid()).status().code(), absl::StatusCode::kNotFound);
}

TEST(Process, PidfdTellsTheEnd) {
  const Child child;
  const auto process = OpenProcess(*IdentityOf(child.pid()));
  ASSERT_TRUE(process.ok()) << process.status();
  pollfd wait{process->get(), POLLIN, 0};
  EXPECT_EQ(poll(&wait, 1, 0), 0);
  child.Kill();
  EXPECT_EQ(poll(&wait, 1, 10'000), 1);
}

TEST(Process, OddNamesDoNotConfuse) {
  std::thread([] {
    NameThread("a) Z 1 (b");
    const auto identity = IdentityOf(static_cast<pid_t>(gettid()));
    ASSERT_TRUE(identity.ok()) << identity.status();
    EXPECT_EQ(LivenessOf(*identity), Liveness::kAlive);
    EXPECT_GT(identity->start_ticks, 0u);
  }).join();
}

// While it lives, nothing can be opened.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(Process, NotToBeAbleToLookIsNoDeath) {
  const Child child;
  const ProcessIdentity identity = *IdentityOf(child.pid());
  const auto process = OpenProcess(identity);
  ASSERT_TRUE(process.ok()) << process.status();
  {
    const NoDescriptors none;
    EXPECT_EQ(LivenessOf(identity), Liveness::kUnknown);
    EXPECT_FALSE(OpenProcess(identity).ok());
    EXPECT_FALSE(absl::IsNotFound(OpenProcess(identity).status())) << OpenProcess(identity).status();
    EXPECT_EQ(LivenessOf(Fd()), Liveness::kUnknown);
  }
  EXPECT_EQ(LivenessOf(identity), Liveness::kAlive);
  EXPECT_EQ(LivenessOf(*process), Liveness::kAlive);
  child.Kill();
  child.WaitForZombie();
  EXPECT_EQ(LivenessOf(*process), Liveness::kGone);
}

TEST(Process, NobodyIsNotAlive) {
  EXPECT_EQ(LivenessOf(ProcessIdentity{}), Liveness::kGone);
  EXPECT_FALSE(OpenProcess(ProcessIdentity{}).ok());
}

}  // namespace
}  // namespace perigee
