// Whoever dies, and whenever: replicas go on, and the next launcher finds them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_split.h"
#include "satellite/launcher/replica_directory.h"
#include "satellite/runtime/process_runtime.h"
#include "satellite/shim/descendants.h"
#include "shared/base/files.h"
#include "shared/base/unix_socket.h"
#include "tests/conformance/satellite/runtime/adoption_fixture.h"

namespace perigee::satellite {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST_F(AdoptionTest, ReplicasOutliveTheLauncherHoweverItEnds) {
  launcher_.Start();
  Connect();
  const auto started = runtime_->Start(Recorder("a"));
  ASSERT_TRUE(started.ok()) << started.status();
  int resyncs = 1;
  for (const int signal : {SIGKILL, SIGTERM, SIGKILL}) {
    launcher_.Kill(signal);
    EXPECT_TRUE(Eventually([&] { return absl::IsUnavailable(runtime_->Adopt().status()); }));
    launcher_.Start();
    EXPECT_TRUE(told_.AwaitResyncs(++resyncs));
    const std::vector<Observed> all = All();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].pid, started->pid);
    EXPECT_EQ(all[0].run, started->run);
    EXPECT_EQ(all[0].phase, Phase::kRunning);
  }
  EXPECT_EQ(Starts("a"), 1u);
  EXPECT_TRUE(runtime_->Stop("a").ok());
  EXPECT_TRUE(told_.AwaitExit("a"));
}

TEST_F(AdoptionTest, AnEndWhileNoLauncherLivesIsFoundLater) {
  launcher_.Start();
  Connect();
  const auto started = runtime_->Start(Recorder("a"));
  ASSERT_TRUE(started.ok());
  launcher_.Kill(SIGKILL);
  ASSERT_EQ(kill(started->pid, SIGINT), 0);
  ASSERT_TRUE(Eventually([&] { return StateOf("a").phase == Phase::kExited; }));
  launcher_.Start();
  const std::vector<Observed> all = All();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].exit, (Exit{Exit::Kind::kSignal, SIGINT}));
}

TEST_F(AdoptionTest, AReplicaWhoseShimIsKilledIsEndedAndTold) {
  launcher_.Start();
  Connect();
  const auto started = runtime_->Start(Recorder("a"));
  ASSERT_TRUE(started.ok());
  const State state = StateOf("a");
  ASSERT_EQ(kill(state.shim.pid, SIGKILL), 0);
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit->kind, Exit::Kind::kLost);
  EXPECT_EQ(LivenessOf(state.child), Liveness::kGone);
  EXPECT_TRUE(RemoveWholly(*runtime_, "a").ok());
  EXPECT_TRUE(All().empty());
}

TEST_F(AdoptionTest, AShimThatDiesWithItsLauncherIsSettledByTheNext) {
  launcher_.Start();
  Connect();
  ASSERT_TRUE(runtime_->Start(Recorder("a")).ok());
  const State state = StateOf("a");
  launcher_.Kill(SIGKILL);
  ASSERT_EQ(kill(state.shim.pid, SIGKILL), 0);
  launcher_.Start();
  const std::vector<Observed> all = All();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].exit->kind, Exit::Kind::kLost);
  EXPECT_EQ(LivenessOf(state.child), Liveness::kGone);
}

// Its soft limit of open files; gives the one before.
rlimit LimitDescriptors(pid_t process, rlim_t soft) {
  rlimit before{};
  EXPECT_EQ(prlimit(process, RLIMIT_NOFILE, nullptr, &before), 0);
  const rlimit limit{soft, before.rlim_max};
  EXPECT_EQ(prlimit(process, RLIMIT_NOFILE, &limit, nullptr), 0);
  return before;
}

TEST_F(AdoptionTest, ALauncherOutOfDescriptorsEndsNobody) {
  launcher_.Start();
  Connect();
  ASSERT_TRUE(runtime_->Start(Recorder("a")).ok());
  const State state = StateOf("a");
  const std::string open = absl::StrCat("/proc/", launcher_.pid(), "/fd/");
  rlim_t next = 0;
  struct stat found;
  while (lstat(absl::StrCat(open, next).c_str(), &found) == 0) ++next;
  const rlimit before = LimitDescriptors(launcher_.pid(), next);
  EXPECT_EQ(before.rlim_cur, before.rlim_max) << "raised at its start";
  for (int i = 0; i < 3; ++i) {
    const std::vector<Observed> all = All();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].phase, Phase::kRunning);
    EXPECT_FALSE(runtime_->Remove("a").ok());
    const auto further = ConnectUnix(launcher_.runtime_dir() + "/" + kLauncherSocket);
    ASSERT_TRUE(further.ok());
    EXPECT_TRUE(absl::IsUnavailable(ReceivePacket(further->get(), kPatience).status())) << "refused at once";
  }
  LimitDescriptors(launcher_.pid(), before.rlim_cur);
  EXPECT_EQ(All()[0].phase, Phase::kRunning);
  EXPECT_EQ(LivenessOf(state.child), Liveness::kAlive);
  EXPECT_TRUE(Eventually([&] { return Starts("a") == 1; }));
}

TEST_F(AdoptionTest, ReplicasHaveTheLimitOfDescriptorsThatTheLauncherWasGiven) {
  const rlimit before = LimitDescriptors(getpid(), 777);
  launcher_.Start();
  LimitDescriptors(getpid(), before.rlim_cur);
  Connect();
  ASSERT_TRUE(runtime_->Start(Recorder("a")).ok());
  const State state = StateOf("a");
  for (const ProcessIdentity& process : {state.shim, state.child}) {
    const auto limits = ReadFile(absl::StrCat("/proc/", process.pid, "/limits"), 1 << 16);
    ASSERT_TRUE(limits.ok()) << limits.status();
    EXPECT_THAT(*limits, ContainsRegex("Max open files +777 "));
  }
}

TEST_F(AdoptionTest, OrdersToAShimDoNotReachAReusedProcess) {
  launcher_.Start();
  Connect();
  ASSERT_TRUE(runtime_->Start(Recorder("a")).ok());
  const State real = StateOf("a");
  launcher_.Kill(SIGKILL);
  // As if the numbers of shim and process had been given to us.
  State forged = real;
  forged.shim = {real.shim.boot_id, getpid(), 1};
  forged.child = {real.shim.boot_id, getpid(), 1};
  const ReplicaDirectory directory(launcher_.runtime_dir() + "/replicas/a");
  ASSERT_TRUE(directory.WriteState(forged).ok());
  launcher_.Start();
  EXPECT_TRUE(runtime_ != nullptr && All().size() == 1u);
  EXPECT_TRUE(RemoveWholly(*runtime_, "a", RemoveMode::kForce).ok());
  KillAll({real.shim, real.child});  // where no cgroup led to it
}

TEST_F(AdoptionTest, WhatAnEarlierBootLeftIsClearedAway) {
  const ReplicaDirectory directory(launcher_.runtime_dir() + "/replicas/a");
  ASSERT_EQ(mkdir((launcher_.runtime_dir() + "/replicas").c_str(), 0711), 0);
  ASSERT_TRUE(directory.Make().ok());
  Footing footing;
  footing.id = "a";
  footing.entry_sha256 = "ab";
  footing.boot_id = "another boot";
  ASSERT_TRUE(directory.WriteFooting(footing).ok());
  State state;
  state.id = "a";
  state.shim = {"another boot", getpid(), 1};
  state.child = {"another boot", getpid(), 1};
  state.phase = Phase::kRunning;
  ASSERT_TRUE(directory.WriteState(state).ok());
  launcher_.Start();
  Connect();
  EXPECT_TRUE(All().empty());
  EXPECT_FALSE(FileExists(directory.path()));
}

TEST_F(AdoptionTest, PurgingEndsEverythingThatALauncherLeft) {
  launcher_.Start();
  Connect();
  ASSERT_TRUE(runtime_->Start(Recorder("a")).ok());
  ASSERT_TRUE(runtime_->Start(Recorder("b")).ok());
  const State state = StateOf("a");
  EXPECT_EQ(RunLauncher({"--purge"}), 1);  // not while one serves the directory
  EXPECT_EQ(LivenessOf(state.child), Liveness::kAlive);
  launcher_.Kill(SIGTERM);
  EXPECT_EQ(RunLauncher({"--purge"}), 0);
  EXPECT_EQ(LivenessOf(state.child), Liveness::kGone);
  EXPECT_EQ(LivenessOf(state.shim), Liveness::kGone);
  EXPECT_FALSE(FileExists(launcher_.runtime_dir() + "/replicas/a"));
}

TEST_F(AdoptionTest, ADirectoryOfAnotherUserIsNotUsed) {
  if (geteuid() != 0) GTEST_SKIP() << "Only root can be another user.";
  ASSERT_EQ(chown(launcher_.runtime_dir().c_str(), 12345, 12345), 0);
  EXPECT_EQ(RunLauncher({"--agent-uid", "12345"}), 1);
  ASSERT_EQ(chown(launcher_.runtime_dir().c_str(), 0, 0), 0);
}

TEST_F(AdoptionTest, ASecondLauncherDoesNotGetTheDirectory) {
  launcher_.Start();
  Connect();
  EXPECT_EQ(RunLauncher({"--agent-uid", "0"}), 1);
  EXPECT_TRUE(runtime_->Adopt().ok());
}

// A state that cannot be written is written as soon as it can be.
TEST_F(AdoptionTest, AnExitIsWrittenInTheEnd) {
  launcher_.Start("shim.state.before_write=error@2");
  Connect();
  ASSERT_TRUE(runtime_->Start(launcher_.Request("a", {"exit", "5"})).ok());
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kCode, 5}));
}

TEST_F(AdoptionTest, NonsenseOnTheSocketIsAnsweredAndHarmsNobody) {
  launcher_.Start();
  Connect();
  ASSERT_TRUE(runtime_->Start(Recorder("a")).ok());
  const auto socket = ConnectUnix(launcher_.runtime_dir() + "/" + kLauncherSocket);
  ASSERT_TRUE(socket.ok());
  const std::string packets[] = {
      "x",
      std::string(60'000, '\xff'),
      std::string(1 << 20, 'A'),
      "PGR1\n",
      EncodeRecord({{"verb", "dance"}, {"id", "a"}}),
      EncodeRecord({{"verb", "remove"}, {"id", "../../../etc"}, {"force", "1"}}),
      EncodeRecord({{"verb", "remove"}, {"id", std::string(5000, 'a')}, {"force", "1"}}),
      EncodeRecord({{"verb", "signal"}, {"id", "a"}, {"signal", "-9"}}),
      EncodeRecord({{"verb", "signal"}, {"id", "a"}, {"signal", "9x"}}),
      EncodeRecord({{"verb", "limit"}, {"id", "a"}, {"pids", "-1"}}),
      EncodeRecord({{"verb", "start"}, {"id", "b"}, {"command", "\x7f\x7f"}}),
      EncodeRecord({{"verb", "start"}, {"id", "b"}}),
  };
  for (const std::string& packet : packets) {
    ASSERT_TRUE(SendPacket(socket->get(), packet, kPatience).ok());
    const auto answer = ReceivePacket(socket->get(), kPatience);
    ASSERT_TRUE(answer.ok()) << packet.substr(0, 60);
    const auto record = DecodeRecord(*answer);
    ASSERT_TRUE(record.ok());
    EXPECT_FALSE(StatusOfAnswer(*record).ok()) << packet.substr(0, 60);
  }
  EXPECT_EQ(All().at(0).phase, Phase::kRunning);
}

class SharedUser : public ::testing::Test {
 protected:
  // What a replica says of itself, started by a launcher with these arguments.
  absl::StatusOr<Observed> Start(std::vector<std::string> arguments, std::string& status) {
    LauncherProcess launcher({.arguments = std::move(arguments)});
    launcher.Start();
    const auto runtime = NewProcessRuntime({.runtime_dir = launcher.runtime_dir()});
    EXPECT_TRUE(Eventually([&] { return runtime->Adopt().ok(); }));
    auto observed = runtime->Start(launcher.Request("a", {"print-status"}));
    if (observed.ok()) {
      EXPECT_TRUE(Eventually([&] { return (status = launcher.LogText("a")).find("CapAmb") != status.npos; }));
    }
    return observed;
  }
};

TEST_F(SharedUser, IsNobodyAndNotRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::string status;
  const auto observed = Start({"--no-own-uid"}, status);
  ASSERT_TRUE(observed.ok()) << observed.status();
  EXPECT_THAT(observed->missing, ::testing::Contains(std::string(missing::kOwnUid)));
  EXPECT_THAT(status, HasSubstr("uid 65534 gid 65534 groups 0 "));
}

TEST_F(SharedUser, IsNotTheAgents) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::string status;
  // The later one counts.
  const auto observed = Start({"--no-own-uid", "--agent-uid", "65534"}, status);
  EXPECT_TRUE(absl::IsFailedPrecondition(observed.status())) << observed.status();
  EXPECT_THAT(std::string(observed.status().message()), HasSubstr("--uid-range"));
}

TEST_F(AdoptionTest, OtherUsersAreNotHeard) {
  if (geteuid() != 0) GTEST_SKIP() << "Only root can be another user.";
  launcher_.Start();
  Connect();
  ASSERT_TRUE(runtime_->Start(Recorder("a")).ok());
  // Even if the file's mode were wrong: who asks is asked of the kernel.
  const std::string socket = launcher_.runtime_dir() + "/" + kLauncherSocket;
  ASSERT_EQ(chmod(socket.c_str(), 0666), 0);
  const std::string control = launcher_.ReplicaFile("a", kControlSocket);
  const pid_t stranger = fork();
  if (stranger == 0) {
    if (setgid(12345) != 0 || setuid(12345) != 0) _exit(1);
    if (ConnectUnix(control).ok()) _exit(2);
    const auto connection = ConnectUnix(socket);
    if (!connection.ok()) _exit(3);
    (void)SendPacket(connection->get(), EncodeRecord({{"verb", "adopt"}}), kPatience);
    _exit(ReceivePacket(connection->get(), kPatience).ok() ? 4 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(stranger, &status, 0), stranger);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

#ifndef PERIGEE_SANITIZED  // whose own memory would be measured
TEST_F(AdoptionTest, AShimIsTiny) {
  launcher_.Start();
  Connect();
  ASSERT_TRUE(runtime_->Start(Recorder("a")).ok());
  std::ifstream rollup(absl::StrCat("/proc/", StateOf("a").shim.pid, "/smaps_rollup"));
  std::string line;
  int64_t anonymous = -1, pss = -1;
  while (std::getline(rollup, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words[0] == "Pss_Anon:") anonymous = std::stoll(words[1]);
    if (words[0] == "Pss:") pss = std::stoll(words[1]);
  }
  RecordProperty("pss_kb", std::to_string(pss));
  EXPECT_GT(pss, 0);
  EXPECT_LT(pss, 3 << 10);
  EXPECT_LT(anonymous, 512);
}
#endif

}  // namespace
}  // namespace perigee::satellite
