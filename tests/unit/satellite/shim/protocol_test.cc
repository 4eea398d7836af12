#include "satellite/shim/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/files.h"
#include "shared/base/limits.h"

namespace perigee::satellite {
namespace {

using ::testing::HasSubstr;

Run FullRun() {
  Run run;
  run.id = "0190a5f0-0000-7000-8000-000000000001";
  run.entry_sha256 = std::string(64, 'a');
  run.command = {"/usr/sbin/nginx", "-g", "daemon off;"};
  run.env = {"CITY=Berlin", "EMPTY="};
  run.files = {{"/etc/app/a.conf", 0444, "text\n"}, {"/etc/app/key", 0400, std::string("\0\n\xff", 3)}};
  run.workdir = "/srv";
  run.log_dir = "/var/lib/perigee/logs/a";
  run.log_budget = 1 << 20;
  run.limits = {256 << 20, 500, 64};
  run.stop_signal = 3;
  run.grace = absl::Milliseconds(2500);
  run.lease = absl::Nanoseconds(123456789);
  return run;
}

Spec FullSpec() {
  return {FullRun(),
          {.uid = 700001,
           .gid = 700002,
           .log_uid = 990,
           .log_gid = 991,
           .cgroups = {"/sys/fs/cgroup/perigee/x/a"},
           .oom_file = "/sys/fs/cgroup/perigee/x/a/memory.events",
           .own_workdir = true}};
}

State FullState() {
  State state;
  state.id = "a";
  state.entry_sha256 = std::string(64, 'a');
  state.shim = {"boot", 10, 100};
  state.child = {"boot", 11, 101};
  state.phase = Phase::kExited;
  state.exit = Exit{Exit::Kind::kSignal, 9, ""};
  state.started_at = absl::FromUnixNanos(1'700'000'000'000'000'001);
  state.exited_at = absl::FromUnixNanos(1'700'000'001'000'000'002);
  state.oom = true;
  state.lease_expired = true;
  state.log_dropped = 17;
  return state;
}

Record Together(const SpecRecords& records) {
  Record all = records.on_disk;
  all.insert(records.in_memory.begin(), records.in_memory.end());
  return all;
}

TEST(ShimProtocol, SpecReadsAsWritten) {
  const auto decoded = DecodeSpec(Together(EncodeSpec(FullSpec())));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, FullSpec());
}

TEST(ShimProtocol, WhatMayBeSecretIsNotInTheHalfForTheDisk) {
  const SpecRecords records = EncodeSpec(FullSpec());
  EXPECT_THAT(EncodeRecord(records.on_disk), ::testing::Not(HasSubstr("Berlin")));
  EXPECT_FALSE(records.on_disk.contains("files"));
  EXPECT_TRUE(records.in_memory.contains("files"));
}

TEST(ShimProtocol, StateReadsAsWritten) {
  const auto decoded = DecodeState(EncodeState(FullState()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, FullState());
}

TEST(ShimProtocol, WhatIsMissingHasItsDefaultAndWhatIsUnknownIsIgnored) {
  const auto run = DecodeRun({{"id", "a"}, {"of-a-later-release", "x"}});
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->stop_signal, 15);
  EXPECT_EQ(run->grace, absl::Seconds(10));
  EXPECT_EQ(run->lease, std::nullopt);
  const auto spec = DecodeSpec({{"id", "a"}});
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->confinement, Confinement());
}

// Bytes of the first release: never regenerate them, shims of it may still live.
TEST(ShimProtocol, BytesOfTheFirstReleaseAreUnderstoodAndWritten) {
  const std::string golden = "tests/golden/shim-v1/";
  const auto spec_bytes = ReadFile(golden + "spec", limits::kLocalPacketBytes);
  const auto memory_bytes = ReadFile(golden + "spec-in-memory", limits::kLocalPacketBytes);
  const auto state_bytes = ReadFile(golden + "state", limits::kLocalPacketBytes);
  ASSERT_TRUE(spec_bytes.ok() && memory_bytes.ok() && state_bytes.ok());
  const auto on_disk = DecodeRecord(*spec_bytes);
  const auto in_memory = DecodeRecord(*memory_bytes);
  const auto state = DecodeRecord(*state_bytes);
  ASSERT_TRUE(on_disk.ok() && in_memory.ok() && state.ok());
  const auto spec = DecodeSpec(Together({*on_disk, *in_memory}));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(*spec, FullSpec());
  EXPECT_EQ(*DecodeState(*state), FullState());
  // A later release may add fields; those of the first keep their bytes.
  const SpecRecords now = EncodeSpec(FullSpec());
  for (const auto& [name, value] : *on_disk) EXPECT_EQ(now.on_disk.at(name), value) << name;
  for (const auto& [name, value] : *in_memory) EXPECT_EQ(now.in_memory.at(name), value) << name;
  const Record state_now = EncodeState(FullState());
  for (const auto& [name, value] : *state) EXPECT_EQ(state_now.at(name), value) << name;
}

TEST(ShimProtocol, HostileRecordsAreErrors) {
  const struct {
    const char* name;
    Record record;
  } kCases[] = {
      {"a number that is none", {{"stop_signal", "nine"}}},
      {"a number that is too large", {{"memory_bytes", "99999999999999999999"}}},
      {"a number with a sign", {{"cpu_millis", "+5"}}},
      {"a negative log budget", {{"log_budget", "-1"}}},
      {"a lease that is a word", {{"lease", "forever"}}},
      {"a negative lease", {{"lease", "-5"}}},
      {"a list that is cut off", {{"command", std::string("\0\0\0\x09x", 5)}}},
      {"files in pairs", {{"files", EncodeList({"/etc/a", "0444"})}}},
      {"a mode that is not octal", {{"files", EncodeList({"/etc/a", "0888", ""})}}},
      {"an empty mode", {{"files", EncodeList({"/etc/a", "", ""})}}},
      {"a mode without end", {{"files", EncodeList({"/etc/a", "77777777777777777777", ""})}}},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(DecodeRun(c.record).status().code(), absl::StatusCode::kInvalidArgument) << c.name;
  }
  EXPECT_FALSE(DecodeState({{"phase", "dancing"}}).ok());
  EXPECT_FALSE(DecodeState({{"phase", "exited"}, {"exit_kind", "?"}}).ok());
  EXPECT_FALSE(DecodeState({{"phase", "running"}, {"child_pid", "-3"}}).ok());
}

TEST(ShimProtocol, ValidateNamesTheFieldThatIsWrong) {
  EXPECT_TRUE(ValidateRun(FullRun()).ok()) << ValidateRun(FullRun());
  const struct {
    const char* name;
    const char* field;
    void (*change)(satellite::Run&);
  } kCases[] = {
      {"empty id", "id", [](satellite::Run& r) { r.id = ""; }},
      {"id with a path", "id", [](satellite::Run& r) { r.id = "../../etc"; }},
      {"id in capitals", "id", [](satellite::Run& r) { r.id = "A"; }},
      {"long id", "id", [](satellite::Run& r) { r.id = std::string(65, 'a'); }},
      {"digest with a slash", "entry_sha256", [](satellite::Run& r) { r.entry_sha256 = "a/b"; }},
      {"no command", "command", [](satellite::Run& r) { r.command.clear(); }},
      {"empty program", "command", [](satellite::Run& r) { r.command[0] = ""; }},
      {"relative program", "command", [](satellite::Run& r) { r.command[0] = "../bin/sh"; }},
      {"dots in the program", "command", [](satellite::Run& r) { r.command[0] = "/usr/../bin/sh"; }},
      {"NUL in an argument", "command",
       [](satellite::Run& r) { r.command.push_back(std::string("a\0b", 3)); }},
      {"too many arguments", "command",
       [](satellite::Run& r) { r.command.resize(limits::kCommandElements + 1, "x"); }},
      {"too long a command", "command",
       [](satellite::Run& r) { r.command.push_back(std::string(limits::kCommandBytes, 'x')); }},
      {"variable without =", "env", [](satellite::Run& r) { r.env = {"PATH"}; }},
      {"variable with a strange name", "env", [](satellite::Run& r) { r.env = {"A B=c"}; }},
      {"variable that begins with a digit", "env", [](satellite::Run& r) { r.env = {"1A=c"}; }},
      {"relative file", "files", [](satellite::Run& r) { r.files[0].path = "etc/a"; }},
      {"file with ..", "files", [](satellite::Run& r) { r.files[0].path = "/etc/../root/a"; }},
      {"file with //", "files", [](satellite::Run& r) { r.files[0].path = "/etc//a"; }},
      {"file that ends with /", "files", [](satellite::Run& r) { r.files[0].path = "/etc/a/"; }},
      {"the root as a file", "files", [](satellite::Run& r) { r.files[0].path = "/"; }},
      {"file with NUL", "files", [](satellite::Run& r) { r.files[0].path = std::string("/etc/a\0b", 8); }},
      {"file in /proc", "files",
       [](satellite::Run& r) { r.files[0].path = "/proc/sys/kernel/core_pattern"; }},
      {"file in /sys", "files", [](satellite::Run& r) { r.files[0].path = "/sys"; }},
      {"file in /dev", "files", [](satellite::Run& r) { r.files[0].path = "/dev/null"; }},
      {"setuid file", "files", [](satellite::Run& r) { r.files[0].mode = 04755; }},
      {"same file twice", "files", [](satellite::Run& r) { r.files[1].path = r.files[0].path; }},
      {"file as a directory", "files", [](satellite::Run& r) { r.files[1].path = r.files[0].path + "/b/c"; }},
      {"too many bytes", "files",
       [](satellite::Run& r) { r.files[0].content.assign(limits::kReplicaFileBytes + 1, 'x'); }},
      {"relative workdir", "workdir", [](satellite::Run& r) { r.workdir = "srv"; }},
      {"no log_dir", "log_dir", [](satellite::Run& r) { r.log_dir = ""; }},
      {"log_dir with ..", "log_dir", [](satellite::Run& r) { r.log_dir = "/var/../etc"; }},
      {"tiny log", "log_budget", [](satellite::Run& r) { r.log_budget = 1; }},
      {"huge log", "log_budget", [](satellite::Run& r) { r.log_budget = limits::kReplicaLogBytesMax + 1; }},
      {"negative memory", "memory_bytes", [](satellite::Run& r) { r.limits.memory_bytes = -1; }},
      {"tiny memory", "memory_bytes", [](satellite::Run& r) { r.limits.memory_bytes = 10; }},
      {"negative cpu", "cpu_millis", [](satellite::Run& r) { r.limits.cpu_millis = -1; }},
      {"too many pids", "pids", [](satellite::Run& r) { r.limits.pids = 1 << 30; }},
      {"signal 0", "stop_signal", [](satellite::Run& r) { r.stop_signal = 0; }},
      {"signal 65", "stop_signal", [](satellite::Run& r) { r.stop_signal = 65; }},
      {"negative grace", "grace_ms", [](satellite::Run& r) { r.grace = absl::Seconds(-1); }},
      {"grace of two days", "grace_ms", [](satellite::Run& r) { r.grace = absl::Hours(48); }},
      {"negative lease", "lease", [](satellite::Run& r) { r.lease = absl::Nanoseconds(-1); }},
  };
  for (const auto& c : kCases) {
    satellite::Run run = FullRun();
    c.change(run);
    const absl::Status status = ValidateRun(run);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.name;
    EXPECT_TRUE(absl::StartsWith(status.message(), std::string(c.field) + ":")) << c.name << ": " << status;
  }
}

TEST(ShimProtocol, AFileBesideAFileOfTheSameBeginningIsFine) {
  satellite::Run run = FullRun();
  run.files = {{"/etc/a", 0444, ""}, {"/etc/a-b", 0444, ""}, {"/etc/a.d/b", 0444, ""}};
  EXPECT_TRUE(ValidateRun(run).ok()) << ValidateRun(run);
}

TEST(ShimProtocol, AnswersCarryStatuses) {
  for (const absl::Status& status : {absl::OkStatus(), absl::NotFoundError("no"), absl::InternalError("")}) {
    Record answer;
    PutStatus(status, answer);
    EXPECT_EQ(StatusOfAnswer(answer), status);
  }
  EXPECT_FALSE(StatusOfAnswer({}).ok());
  EXPECT_EQ(StatusOfAnswer({{"ok", "0"}, {"code", "999"}}).code(), absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace perigee::satellite
