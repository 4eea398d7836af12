// What only processes have: files, users, limits, output, strays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "satellite/runtime/process_runtime.h"
#include "shared/base/clock.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/wakeup.h"
#include "tests/conformance/satellite/runtime/launcher_process.h"

namespace perigee::satellite {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<bool> Privileges() {
  return geteuid() == 0 ? std::vector<bool>{true, false} : std::vector<bool>{false};
}

class ProcessTest : public ::testing::TestWithParam<bool> {
 protected:
  ProcessTest() : launcher_({.as_root = GetParam()}) {
    launcher_.Start();
    runtime_ = NewProcessRuntime({.runtime_dir = launcher_.runtime_dir()});
    runtime_->Listen(told_.AsListener());
    EXPECT_TRUE(Eventually([&] { return runtime_->Adopt().ok(); }));
  }
  Observed Started(const StartRequest& request) {
    auto observed = runtime_->Start(request);
    EXPECT_TRUE(observed.ok()) << observed.status();
    return observed.ok() ? *observed : Observed();
  }
  // Of a program that exits by itself.
  std::string OutputOf(const StartRequest& request) {
    const Observed started = Started(request);
    EXPECT_TRUE(started.phase == Phase::kExited || told_.AwaitExit(request.id));
    return launcher_.LogText(request.id);
  }
  bool Lacks(const Observed& observed, const std::string& word) {
    return std::find(observed.missing.begin(), observed.missing.end(), word) != observed.missing.end();
  }
  static bool AsRoot() { return GetParam() && geteuid() == 0; }

  LauncherProcess launcher_;
  Collector told_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_P(ProcessTest, FilesAreThereWithTheirModesAndTheHostIsUntouched) {
  StartRequest request = launcher_.Request(
      "a", {"print-file", "/etc/perigee-test/a.conf", "/etc/perigee-secret", "/etc/hostname",
            "/perigee-test-root/deep/b", "/perigee-test-root/c", "/srv/d", launcher_.root() + "/e"});
  request.files = {{"/etc/perigee-test/a.conf", 0444, "one"}, {"/etc/perigee-secret", 0400, "CANARY-5d1f"},
                   {"/etc/hostname", 0644, "replaced"},       {"/perigee-test-root/deep/b", 0640, "two"},
                   {"/perigee-test-root/c", 0755, "three"},   {"/srv/d", 0600, "four"},
                   {launcher_.root() + "/e", 0444, "five"}};
  const auto hostname = ReadFile("/etc/hostname", 4096);
  const std::string output = OutputOf(request);
  std::vector<std::string> seen;
  std::string user;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(output, '\n', absl::SkipEmpty()))) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    ASSERT_EQ(words.size(), 3u) << output;
    seen.push_back(words[0] + " " + words[2]);
    user = words[1];
  }
  EXPECT_THAT(seen, ::testing::ElementsAre("0444 one", "0400 CANARY-5d1f", "0644 replaced", "0640 two",
                                           "0755 three", "0600 four", "0444 five"));
  if (AsRoot()) {
    int64_t uid = 0;
    EXPECT_TRUE(absl::SimpleAtoi(user, &uid));
    EXPECT_GE(uid, 700'000);
  } else {
    EXPECT_EQ(user, std::to_string(launcher_.uid()));
  }
  for (const char* path : {"/etc/perigee-test", "/etc/perigee-secret", "/perigee-test-root", "/srv/d"}) {
    EXPECT_FALSE(FileExists(path)) << path;
  }
  EXPECT_FALSE(FileExists(launcher_.root() + "/e"));
  const auto hostname_after = ReadFile("/etc/hostname", 4096);
  EXPECT_EQ(hostname.ok(), hostname_after.ok());
  if (hostname.ok() && hostname_after.ok()) {
    EXPECT_EQ(*hostname, *hostname_after);
  }
}

// Neither while it runs nor after: the runtime directory may be on a disk.
TEST_P(ProcessTest, SecretsAreInNoFileOfTheHost) {
  StartRequest request = launcher_.Request("a", {"stay"});
  request.files = {{"/etc/perigee-secret", 0400, "CANARY-9c3e"}};
  request.env = {"TOKEN=CANARY-9c3e"};
  Started(request);
  for (const char* name : {"spec", "state", "replica"}) {
    const auto content = ReadFile(launcher_.ReplicaFile("a", name), 1 << 20);
    ASSERT_TRUE(content.ok()) << content.status();
    EXPECT_THAT(*content, Not(HasSubstr("CANARY"))) << name;
  }
  const auto left = ListDirectory(launcher_.ReplicaFile("a", "mnt"));
  ASSERT_TRUE(left.ok());
  EXPECT_THAT(*left, IsEmpty());
}

TEST_P(ProcessTest, AFileThatCannotBePlacedIsToldAndNothingRuns) {
  const std::string link = launcher_.root() + "/link";
  ASSERT_EQ(symlink("/etc", link.c_str()), 0);
  ASSERT_TRUE(WriteRuntimeFile(launcher_.root() + "/file", "", 0644).ok());
  ASSERT_EQ(mkdir((launcher_.root() + "/directory").c_str(), 0755), 0);
  const struct {
    const char* id;
    std::string path;
    const char* why;
  } kCases[] = {
      {"link", link + "/a", "is a link on this host"},
      {"file", launcher_.root() + "/file/a", "is not a directory on this host"},
      {"directory", launcher_.root() + "/directory", "is a directory on this host"},
  };
  for (const auto& c : kCases) {
    StartRequest request = launcher_.Request(c.id, {"write-file", launcher_.root() + "/logs/ran", "x"});
    request.files = {{c.path, 0444, "x"}};
    const Observed observed = Started(request);
    ASSERT_TRUE(observed.exit) << c.id;
    EXPECT_EQ(observed.exit->kind, Exit::Kind::kNotStarted) << c.id;
    EXPECT_THAT(observed.exit->error, HasSubstr(c.why)) << c.id;
  }
  EXPECT_FALSE(FileExists("/etc/a"));
  EXPECT_FALSE(FileExists(launcher_.root() + "/logs/ran"));
}

TEST_P(ProcessTest, TheProcessHasNothingThatItDoesNotNeed) {
  const std::string output = OutputOf(launcher_.Request("a", {"print-status"}));
  EXPECT_THAT(output, HasSubstr("groups 0 session 1 leader 1 umask 0022 no_new_privs 1"));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb", "SigBlk", "SigIgn"}) {
    EXPECT_THAT(output, HasSubstr(absl::StrCat(set, ":\t0000000000000000"))) << set;
  }
  EXPECT_THAT(output, HasSubstr("oom_score_adj 0"));
  EXPECT_THAT(output, HasSubstr("descriptor 2\n"));
  EXPECT_THAT(output, Not(HasSubstr("descriptor 3")));
  EXPECT_EQ(Lacks(told_.Last("a"), missing::kOwnUid), !AsRoot());
  if (AsRoot()) {
    EXPECT_THAT(output, HasSubstr("CapBnd:\t0000000000000000"));
  }
}

// What a probe could do else than the replica, its author could have it do.
TEST_P(ProcessTest, ACommandIsConfinedAsTheReplicaIs) {
  chmod((launcher_.root() + "/logs").c_str(), 0777);
  const std::string out = launcher_.root() + "/logs/out";
  const std::string print = ProbePath() + " print-status; " + ProbePath() +
                            " print-file /etc/perigee-secret; cat /proc/self/cgroup; readlink "
                            "/proc/self/ns/mnt /proc/self/ns/user; pwd; ulimit -a; echo $COLOUR";
  StartRequest request = launcher_.Request("a", {});
  request.command = {"/bin/sh", "-c", "{ " + print + "; } > " + out + "-run; exec " + ProbePath() + " stay"};
  request.env = {"COLOUR=blue"};
  request.files = {{"/etc/perigee-secret", 0400, "secret"}};
  Started(request);
  const auto text = [&](const std::string& name) { return ReadFile(out + name, 1 << 20).value_or(""); };
  ASSERT_TRUE(Eventually([&] { return text("-run").ends_with("blue\n"); })) << launcher_.LogText("a");
  const auto outcome = OutcomeOfExec(
      *runtime_, "a",
      {{"/bin/sh", "-c", "{ " + print + "; } > " + out + "-exec"}, request.env, absl::Seconds(10)});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, ExecOutcome{});
  EXPECT_EQ(text("-exec"), text("-run"));
  EXPECT_THAT(text("-exec"), HasSubstr("secret"));
  EXPECT_EQ(text("-exec").starts_with("uid 0 "), false);
}

TEST_P(ProcessTest, WhatACommandLeavesInItsGroupEndsWithIt) {
  chmod((launcher_.root() + "/logs").c_str(), 0777);
  Started(launcher_.Request("a", {"stay"}));
  for (const char* then : {"exit 0", "sleep 1000"}) {
    const std::string file = launcher_.root() + "/logs/pid-" + then;
    const std::string script = absl::StrCat("sleep 1000 & echo $! > '", file, "'; ", then);
    const auto outcome =
        OutcomeOfExec(*runtime_, "a", {{"/bin/sh", "-c", script}, {}, absl::Milliseconds(500)});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->timed_out, std::string(then) != "exit 0");
    pid_t left = 0;
    ASSERT_TRUE(absl::SimpleAtoi(ReadFile(file, 100).value_or(""), &left));
    EXPECT_TRUE(Eventually([&] { return kill(left, 0) != 0 && errno == ESRCH; }));
  }
}

TEST_P(ProcessTest, CommandsAreBoundedAndHoldUpNobody) {
  Started(launcher_.Request("a", {"stay"}));
  Wakeup told;
  std::atomic<int> ended = 0;
  for (size_t i = 0; i < kExecsAtOnce; ++i) {
    runtime_->Exec("a", {{ProbePath(), "stay"}, {}, absl::Seconds(2)},
                   [&](const absl::StatusOr<ExecOutcome>& outcome) {
                     if (outcome.ok() && outcome->timed_out && ++ended == kExecsAtOnce) told.Notify();
                   });
  }
  const ExecRequest quick{{ProbePath(), "exit", "0"}, {}, absl::Seconds(10)};
  EXPECT_TRUE(absl::IsResourceExhausted(OutcomeOfExec(*runtime_, "a", quick).status()));
  Started(launcher_.Request("b", {"stay"}));
  EXPECT_TRUE(OutcomeOfExec(*runtime_, "b", quick).ok());
  EXPECT_TRUE(runtime_->Limit("a", {.limits = ResourceLimits{}}).ok());
  EXPECT_EQ(ended, 0) << "all of that while the commands ran";
  EXPECT_TRUE(told.WaitFor(kPatience));
  EXPECT_TRUE(Eventually([&] { return OutcomeOfExec(*runtime_, "a", quick).ok(); }));
}

TEST_P(ProcessTest, TheEndOfTheReplicaEndsItsCommands) {
  Started(launcher_.Request("a", {"stay"}));
  absl::StatusOr<ExecOutcome> outcome;
  Wakeup told;
  runtime_->Exec("a", {{ProbePath(), "stay"}, {}, absl::Minutes(10)}, [&](absl::StatusOr<ExecOutcome> ended) {
    outcome = std::move(ended);
    told.Notify();
  });
  ASSERT_TRUE(runtime_->Stop("a").ok());
  ASSERT_TRUE(told.WaitFor(kPatience));
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome.status())) << outcome.status();
  EXPECT_TRUE(told_.AwaitExit("a"));
  EXPECT_TRUE(RemoveWholly(*runtime_, "a").ok());
}

TEST_P(ProcessTest, TheEnvironmentIsWhatWasAskedFor) {
  StartRequest request = launcher_.Request("a", {"print-env"});
  request.env = {"CITY=Berlin", "EMPTY=", "PERIGEE_REPLICA=somebody-else"};
  EXPECT_EQ(OutputOf(request), "CITY=Berlin\nEMPTY=\nPERIGEE_REPLICA=a\n");
}

TEST_P(ProcessTest, ProgramsAreFoundInThePathAndTroubleIsNamed) {
  StartRequest request = launcher_.Request("found", {"print-arguments", "x"});
  request.command[0] = "perigee_probe";
  request.env = {absl::StrCat("PATH=/nowhere:", PERIGEE_BIN)};
  EXPECT_EQ(OutputOf(request), "x\n");
  const std::string text = launcher_.root() + "/text";
  const std::string script = launcher_.root() + "/script";
  ASSERT_TRUE(WriteRuntimeFile(text, "text", 0644).ok());
  ASSERT_TRUE(WriteRuntimeFile(script, "#!/no/such/interpreter\n", 0755).ok());
  const struct {
    const char* id;
    std::string program;
    std::string workdir;
    int error;
    const char* why;
  } kCases[] = {
      {"unknown", "perigee-no-such-program", "", ENOENT, "program not found: perigee-no-such-program"},
      {"forbidden", text, "", EACCES, "needs execute permission"},
      {"interpreter", script, "", ENOENT, "interpreter or loader"},
      {"directory", "/etc", "", EACCES, "not allowed to run /etc"},
      {"workdir", ProbePath(), "/no/such/directory", ENOENT, "the working directory /no/such/directory"},
  };
  for (const auto& c : kCases) {
    StartRequest failing = launcher_.Request(c.id, {"stay"});
    failing.command = {c.program};
    failing.workdir = c.workdir;
    const Observed observed = Started(failing);
    ASSERT_TRUE(observed.exit) << c.id;
    EXPECT_EQ(observed.exit->kind, Exit::Kind::kNotStarted) << c.id;
    EXPECT_EQ(observed.exit->number, c.error) << c.id;
    EXPECT_THAT(observed.exit->error, HasSubstr(c.why)) << c.id;
  }
}

TEST_P(ProcessTest, WithoutAWorkingDirectoryItGetsOneOfItsOwn) {
  StartRequest request = launcher_.Request("a", {"write-file", "note", "x"});
  Started(request);
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kCode, 0})) << launcher_.LogText("a");
  EXPECT_TRUE(RemoveWholly(*runtime_, "a").ok());
  EXPECT_FALSE(FileExists(launcher_.runtime_dir() + "/work/a"));
}

TEST_P(ProcessTest, ExitCodesAreTold) {
  Started(launcher_.Request("a", {"exit", "3"}));
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kCode, 3}));
  EXPECT_EQ(Describe(*told_.Last("a").exit), "code 3");
}

TEST_P(ProcessTest, TooMuchMemoryIsToldAsThat) {
  StartRequest request = launcher_.Request("a", {"hog-memory", "128"});
  request.limits.memory_bytes = 32 << 20;
  const Observed started = Started(request);
  if (Lacks(started, missing::kMemoryLimit)) return;  // and says so
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kSignal, SIGKILL}));
  EXPECT_TRUE(told_.Last("a").oom);
}

TEST_P(ProcessTest, TooManyProcessesAreNotMade) {
  StartRequest request = launcher_.Request("a", {"hog-pids", "100"});
  request.limits.pids = 10;
  const Observed started = Started(request);
  if (Lacks(started, missing::kPidsLimit)) return;
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kCode, 7}));
  EXPECT_FALSE(told_.Last("a").oom);
}

TEST_P(ProcessTest, UsageAndMissingIsolationAreTold) {
  StartRequest request = launcher_.Request("a", {"stay"});
  request.limits = {64 << 20, 500, 20};
  const Observed started = Started(request);
  const auto all = runtime_->Adopt();
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ((*all)[0].missing, started.missing);
  EXPECT_EQ((*all)[0].memory_bytes.has_value(), !Lacks(started, missing::kMemoryLimit));
  EXPECT_EQ((*all)[0].cpu_usec.has_value(), !Lacks(started, missing::kCgroup));
}

TEST_P(ProcessTest, OutputOfBothStreamsIsRotatedWithinItsBudget) {
  StartRequest request = launcher_.Request("a", {"print-lines", "20000", "100"});
  request.log_budget = 16 * limits::kLogLineBytes;
  OutputOf(request);
  struct stat current, previous;
  ASSERT_EQ(stat((launcher_.log_dir("a") + "/current").c_str(), &current), 0);
  ASSERT_EQ(stat((launcher_.log_dir("a") + "/previous").c_str(), &previous), 0);
  EXPECT_LE(static_cast<uint64_t>(current.st_size + previous.st_size), request.log_budget);
  const std::vector<LogLine> lines = launcher_.Log("a");
  bool out = false, err = false;
  for (const LogLine& line : lines) {
    out = out || line.stream == LogStream::kStdout;
    err = err || line.stream == LogStream::kStderr;
  }
  EXPECT_TRUE(out && err);
  EXPECT_THAT(launcher_.LogText("a"), HasSubstr("19999 "));
}

TEST_P(ProcessTest, ALogThatCannotBeWrittenDoesNotHoldUpTheReplica) {
  StartRequest request = launcher_.Request("a", {"print-lines", "20000", "200"});
  request.log_dir = launcher_.root() + "/no/such/parent";
  Started(request);
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_EQ(told_.Last("a").exit, (Exit{Exit::Kind::kCode, 0}));
  EXPECT_GT(told_.Last("a").log_dropped, 0u);
}

// Root's shim writes where the agent says, but with the agent's rights only.
TEST_P(ProcessTest, TheLogDirectoryIsUsedAsTheAgent) {
  StartRequest request = launcher_.Request("a", {"print-lines", "10"});
  OutputOf(request);
  struct stat found;
  ASSERT_EQ(stat((launcher_.log_dir("a") + "/current").c_str(), &found), 0);
  EXPECT_EQ(found.st_uid, launcher_.uid());
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

TEST_P(ProcessTest, WhatAReplicaLeavesBehindEndsWithItsRemoval) {
  StartRequest request = launcher_.Request("a", {"spawn-stray", "stray"});
  request.workdir = "/tmp";
  request.command[2] = launcher_.root() + "/logs/stray-pid";
  ASSERT_EQ(chmod((launcher_.root() + "/logs").c_str(), 0777), 0);
  Started(request);
  ASSERT_TRUE(told_.AwaitExit("a"));
  const auto text = ReadFile(request.command[2], 100);
  ASSERT_TRUE(text.ok()) << launcher_.LogText("a");
  pid_t stray = 0;
  ASSERT_TRUE(absl::SimpleAtoi(*text, &stray));
  EXPECT_EQ(kill(stray, 0), 0);
  EXPECT_TRUE(RemoveWholly(*runtime_, "a").ok());
  EXPECT_TRUE(kill(stray, 0) != 0 && errno == ESRCH);
  EXPECT_FALSE(FileExists(launcher_.runtime_dir() + "/replicas/a"));
}

TEST_P(ProcessTest, AnExpiredLeaseAlsoEndsWhatIgnoresItsStop) {
  StartRequest request = launcher_.Request("a", {"ignore-sigterm"});
  request.lease = absl::FromChrono(SystemClock().SinceBoot()) + absl::Milliseconds(300);
  Started(request);
  ASSERT_TRUE(told_.AwaitExit("a"));
  EXPECT_TRUE(told_.Last("a").lease_expired);
  EXPECT_THAT(launcher_.LogText("a"), HasSubstr("its lease has passed"));
}

TEST_P(ProcessTest, ManyReplicasHaveAProcessEach) {
  constexpr int kReplicas = 20;
  for (int i = 0; i < kReplicas; ++i) Started(launcher_.Request(absl::StrCat("r", i), {"stay"}));
  const auto all = runtime_->Adopt();
  ASSERT_TRUE(all.ok());
  std::set<pid_t> pids;
  for (const Observed& observed : *all) pids.insert(observed.pid);
  EXPECT_EQ(pids.size(), static_cast<size_t>(kReplicas));
}

INSTANTIATE_TEST_SUITE_P(All, ProcessTest, ::testing::ValuesIn(Privileges()),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "AsRoot" : "AsUser";
                         });

}  // namespace
}  // namespace perigee::satellite
