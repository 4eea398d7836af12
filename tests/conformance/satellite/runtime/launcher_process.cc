#include "tests/conformance/satellite/runtime/launcher_process.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "absl/strings/str_split.h"
#include "satellite/launcher/replica_directory.h"
#include "satellite/runtime/process_runtime.h"
#include "shared/base/files.h"
#include "shared/base/unix_socket.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {
namespace {

constexpr uid_t kOrdinaryUser = 65534;

void Pause() {
  poll(nullptr, 0, 5);
}

}  // namespace

std::string BinaryPath(const std::string& name) {
  return absl::StrCat(PERIGEE_BIN, "/", name);
}

std::string ProbePath() {
  return BinaryPath("perigee_probe");
}

bool Eventually(const std::function<bool()>& condition) {
  const auto begin = std::chrono::steady_clock::now();
  while (!condition()) {
    if (absl::FromChrono(std::chrono::steady_clock::now() - begin) > kPatience) return false;
    Pause();
  }
  return true;
}

absl::Status RemoveWholly(Runtime& runtime, const std::string& id, RemoveMode mode) {
  absl::Status status;
  Eventually([&] { return !absl::IsDeadlineExceeded(status = runtime.Remove(id, mode)); });
  return status;
}

absl::StatusOr<ExecOutcome> OutcomeOfExec(Runtime& runtime, const std::string& id,
                                          const ExecRequest& request) {
  struct Answer {
    absl::StatusOr<ExecOutcome> outcome = absl::DeadlineExceededError("nothing was told");
    Wakeup told;
  };
  const auto answer = std::make_shared<Answer>();
  runtime.Exec(id, request, [answer](absl::StatusOr<ExecOutcome> outcome) {
    answer->outcome = std::move(outcome);
    answer->told.Notify();
  });
  if (!answer->told.WaitFor(kPatience)) return absl::DeadlineExceededError("nothing was told");
  return answer->outcome;
}

LauncherProcess::LauncherProcess(Config config) : config_(std::move(config)) {
  char path[] = "/tmp/perigee-runtime-XXXXXX";
  root_ = mkdtemp(path);
  chmod(root_.c_str(), 0755);
  for (const std::string& directory : {root_ + "/run", root_ + "/logs"}) {
    mkdir(directory.c_str(), 0755);
    if (geteuid() == 0 && !config_.as_root && lchown(directory.c_str(), kOrdinaryUser, kOrdinaryUser) != 0)
      abort();
  }
}

LauncherProcess::~LauncherProcess() {
  if (pid_ < 0) Start();
  EndReplicas();
  Kill(SIGTERM);
  (void)RemoveTree(root_);
}

uid_t LauncherProcess::uid() const {
  return config_.as_root || geteuid() != 0 ? geteuid() : kOrdinaryUser;
}

void LauncherProcess::EndReplicas() {
  const auto runtime = NewProcessRuntime({.runtime_dir = runtime_dir()});
  absl::StatusOr<std::vector<Observed>> all = absl::UnavailableError("");
  EXPECT_TRUE(Eventually([&] { return (all = runtime->Adopt()).ok(); })) << all.status();
  if (!all.ok()) return;
  for (const Observed& observed : *all) {
    EXPECT_TRUE(RemoveWholly(*runtime, observed.id, RemoveMode::kForce).ok());
  }
}

void LauncherProcess::Start(const std::string& failpoints) {
  std::vector<std::string> arguments = {BinaryPath("perigee-launcher"), "--runtime-dir", runtime_dir(),
                                        "--agent-uid", std::to_string(uid())};
  arguments.insert(arguments.end(), config_.arguments.begin(), config_.arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::string variable = absl::StrCat("PERIGEE_FAILPOINTS=", failpoints);
  char* environment[] = {variable.data(), nullptr};
  const uid_t uid = this->uid();
  pid_ = fork();
  if (pid_ == 0) {
    if (uid != geteuid() && (setgroups(0, nullptr) != 0 || setgid(uid) != 0 || setuid(uid) != 0)) _exit(126);
    execve(pointers[0], pointers.data(), environment);
    _exit(127);
  }
  EXPECT_TRUE(Eventually([&] {
    return ConnectUnix(runtime_dir() + "/" + kLauncherSocket).ok() || waitpid(pid_, nullptr, WNOHANG) == pid_;
  }));
}

void LauncherProcess::Kill(int signal) {
  if (pid_ < 0) return;
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool LauncherProcess::AwaitEnd() {
  const bool ended = Eventually([&] { return waitpid(pid_, nullptr, WNOHANG) == pid_; });
  if (ended) pid_ = -1;
  return ended;
}

std::string LauncherProcess::ReplicaFile(const std::string& id, const std::string& name) const {
  return runtime_dir() + "/replicas/" + id + "/" + name;
}

StartRequest LauncherProcess::Request(const std::string& id, std::vector<std::string> probe_arguments) const {
  StartRequest request;
  request.id = id;
  request.entry_sha256 = std::string(64, 'a');
  request.command = {ProbePath()};
  request.command.insert(request.command.end(), probe_arguments.begin(), probe_arguments.end());
  request.log_dir = log_dir(id);
  request.grace = absl::Milliseconds(200);
  return request;
}

std::vector<LogLine> LauncherProcess::Log(const std::string& id) const {
  std::vector<LogLine> lines;
  for (const char* name : {kPreviousLog, kCurrentLog}) {
    const auto content = ReadFile(log_dir(id) + "/" + name, 64 << 20);
    if (!content.ok()) continue;
    for (const std::string& text :
         std::vector<std::string>(absl::StrSplit(*content, '\n', absl::SkipEmpty()))) {
      auto line = DecodeLogLine(text);
      EXPECT_TRUE(line.ok()) << text;
      if (line.ok()) lines.push_back(*std::move(line));
    }
  }
  return lines;
}

std::string LauncherProcess::LogText(const std::string& id) const {
  std::string text;
  for (const LogLine& line : Log(id)) text += line.text + "\n";
  return text;
}

Runtime::Listener Collector::AsListener() {
  return {.changed =
              [this](const Observed& observed) {
                absl::MutexLock lock(&mutex_);
                last_[observed.id] = observed;
              },
          .resync =
              [this] {
                absl::MutexLock lock(&mutex_);
                ++resyncs_;
              }};
}

bool Collector::Await(const std::string& id, const std::function<bool(const Observed&)>& condition) {
  return Eventually([&] {
    absl::MutexLock lock(&mutex_);
    const auto found = last_.find(id);
    return found != last_.end() && condition(found->second);
  });
}

bool Collector::AwaitExit(const std::string& id) {
  return Await(id, [](const Observed& observed) { return observed.phase == Phase::kExited; });
}

bool Collector::AwaitResyncs(int count) {
  return Eventually([&] {
    absl::MutexLock lock(&mutex_);
    return resyncs_ >= count;
  });
}

Observed Collector::Last(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  return last_[id];
}

}  // namespace perigee::satellite
