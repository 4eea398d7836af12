#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "satellite/agent/facts.h"
#include "satellite/agent/local_socket.h"
#include "satellite/agent/observe.h"
#include "shared/resource/reasons.h"

namespace perigee::satellite {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

LocalView Sample() {
  LocalView view;
  view.satellite = "berlin-1";
  view.site = "berlin";
  view.link_since = absl::FromUnixSeconds(1'700'000'000);
  view.link_message = "connection refused";
  view.sequence = 9;
  view.problems = {"LauncherDown: x"};
  view.replicas = {{.id = "id-1",
                    .name = "web-0",
                    .workload = "web",
                    .project = "default",
                    .state = "Ready",
                    .reason = "Ready",
                    .pid = 42,
                    .restarts = 1,
                    .since = absl::FromUnixSeconds(1'700'000'000)},
                   {.id = "id-2",
                    .name = "web-1",
                    .workload = "web",
                    .project = "default",
                    .state = "Backoff",
                    .reason = "CrashLoop",
                    .message = "code 1\x1b[31m"}};
  return view;
}

TEST(LocalView, TravelsWhole) {
  const LocalView view = *DecodeView(EncodeView(Sample()));
  EXPECT_EQ(view.satellite, "berlin-1");
  EXPECT_EQ(view.sequence, 9u);
  EXPECT_EQ(view.problems, Sample().problems);
  ASSERT_THAT(view.replicas, SizeIs(2));
  EXPECT_EQ(view.replicas[0].pid, 42);
  EXPECT_EQ(view.replicas[0].since, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_EQ(view.replicas[1].message, "code 1\x1b[31m");
}

TEST(LocalView, FindsByIdNameAndWorkload) {
  EXPECT_THAT(*FindReplicas(Sample(), "id-2"), SizeIs(1));
  EXPECT_THAT(*FindReplicas(Sample(), "web-0"), SizeIs(1));
  EXPECT_THAT(*FindReplicas(Sample(), "web"), SizeIs(2));
  EXPECT_THAT(*FindReplicas(Sample(), ""), SizeIs(2));
  EXPECT_THAT(FindReplicas(Sample(), "wbe").status().message(), HasSubstr("there is: web-0, web-1"));
}

TEST(LocalView, ScreenSaysTheLinkAndIsSafeForATerminal) {
  const std::string text = FormatView(Sample(), absl::FromUnixSeconds(1'700'000'090));
  EXPECT_THAT(text,
              HasSubstr("cut off since 2023-11-14T22:13:20Z (90s): connection refused; workloads go on"));
  EXPECT_THAT(text, HasSubstr("web-0"));
  EXPECT_THAT(text, HasSubstr("CrashLoop"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b[31m")));
  LocalView connected = Sample();
  connected.connected = true;
  EXPECT_THAT(FormatView(connected, absl::FromUnixSeconds(1'700'000'090)), HasSubstr("connected since"));
}

class LocalSocketTest : public ::testing::Test {
 protected:
  LocalSocketTest() {
    char name[] = "/tmp/perigee-local-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~LocalSocketTest() override { std::filesystem::remove_all(path_); }
  std::string path_;
};

TEST_F(LocalSocketTest, AnswersStatusAndRestart) {
  std::string restarted;
  auto server =
      LocalServer::Start(path_, {.status = [] { return Sample(); },
                                 .restart = [&](const std::string& id) -> absl::Status {
                                   restarted = id;
                                   return id == "id-1" ? absl::OkStatus() : absl::NotFoundError("no such");
                                 }});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(AskStatus(path_)->replicas.size(), 2u);
  EXPECT_TRUE(AskRestart(path_, "id-1").ok());
  EXPECT_EQ(restarted, "id-1");
  EXPECT_EQ(AskRestart(path_, "id-9").code(), absl::StatusCode::kNotFound);
  struct stat info{};
  ASSERT_EQ(stat(LocalSocketPath(path_).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((path_ + "/run").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(LocalSocketTest, WithoutAnAgentSaysHowToStartOne) {
  const absl::Status status = AskStatus(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("perigee-satellite run --data-dir"));
}

TEST(Facts, AreReadFromTheFilesOfTheHost) {
  EXPECT_EQ(PrettyName("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(PrettyName("NAME=x\n"), "");
  EXPECT_EQ(TotalMemory("MemFree: 1 kB\nMemTotal:       16384 kB\n"), "16384Ki");
  EXPECT_EQ(TotalMemory(""), "");
}

TEST(Facts, CapacityLiesOverWhatWasMeasured) {
  const auto capacity = ParseCapacity("cpu=4,memory=8Gi");
  ASSERT_TRUE(capacity.ok());
  const v1::SatelliteFacts facts = GatherFacts({.address = "127.0.1.1", .capacity = *capacity});
  EXPECT_EQ(facts.capacity().at("cpu"), "4");
  EXPECT_EQ(facts.capacity().at("memory"), "8Gi");
  EXPECT_EQ(facts.address(), "127.0.1.1");
  EXPECT_THAT(facts.boot_id(), SizeIs(36));
  EXPECT_TRUE(ParseCapacity("")->empty());
  for (const char* bad : {"cpu", "cpu=", "=4", "cpu=many"}) EXPECT_FALSE(ParseCapacity(bad).ok()) << bad;
}

struct ExitCase {
  std::string name;
  Exit exit;
  bool oom;
  std::string_view reason;
};
class Exits : public ::testing::TestWithParam<ExitCase> {};

TEST_P(Exits, GetTheirWord) {
  Observed observed{
      .id = "a", .entry_sha256 = "ab", .run = "r", .phase = Phase::kExited, .exit = GetParam().exit};
  observed.oom = GetParam().oom;
  const SeenReplica seen = SeenOf(observed);
  EXPECT_FALSE(seen.running);
  EXPECT_EQ(seen.exit_reason, GetParam().reason);
  EXPECT_FALSE(seen.exit.empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, Exits,
    ::testing::Values(
        ExitCase{"Code", {Exit::Kind::kCode, 3, ""}, false, ""},
        ExitCase{"Oom", {Exit::Kind::kSignal, 9, ""}, true, reason::kOutOfMemory},
        ExitCase{"NotFound", {Exit::Kind::kNotStarted, ENOENT, "x"}, false, reason::kProgramNotFound},
        ExitCase{
            "NotExecutable", {Exit::Kind::kNotStarted, EACCES, "x"}, false, reason::kProgramNotExecutable},
        ExitCase{"Lost", {Exit::Kind::kLost, 0, "x"}, false, reason::kProcessLost}),
    [](const auto& info) { return info.param.name; });

TEST(Observe, ARunThatHasNotBegunIsNotReady) {
  const SeenReplica seen = SeenOf({.id = "a", .run = "r", .phase = Phase::kStarting});
  EXPECT_TRUE(seen.running);
  EXPECT_EQ(seen.run, "");
}

}  // namespace
}  // namespace perigee::satellite
