// Tests of who dies and what goes on: a launcher in a directory of its own, and a runtime that is connected to it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "satellite/launcher/replica_directory.h"
#include "satellite/runtime/process_runtime.h"
#include "shared/base/files.h"
#include "tests/conformance/satellite/runtime/launcher_process.h"

namespace perigee::satellite {

class AdoptionTest : public ::testing::Test {
 protected:
  AdoptionTest() : launcher_({}) {}

  void Connect() {
    runtime_ = NewProcessRuntime({.runtime_dir = launcher_.runtime_dir(), .call_timeout = absl::Seconds(20)});
    runtime_->Listen(told_.AsListener());
    EXPECT_TRUE(Eventually([&] { return runtime_->Adopt().ok(); }));
  }
  StartRequest Recorder(const std::string& id) {
    chmod((launcher_.root() + "/logs").c_str(), 0777);
    return launcher_.Request(id, {"record", launcher_.root() + "/logs/record-" + id});
  }
  size_t Starts(const std::string& id) {
    const auto content = ReadFile(launcher_.root() + "/logs/record-" + id, 1 << 20);
    return content.ok() ? static_cast<size_t>(std::count(content->begin(), content->end(), '\n')) : 0;
  }
  // The exit code of a launcher with these arguments, which ends by itself.
  int RunLauncher(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {BinaryPath("perigee-launcher"), "--runtime-dir", launcher_.runtime_dir()});
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {
      execv(pointers[0], pointers.data());
      _exit(127);
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::vector<Observed> All() {
    absl::StatusOr<std::vector<Observed>> all = absl::UnavailableError("");
    EXPECT_TRUE(Eventually([&] { return (all = runtime_->Adopt()).ok(); })) << all.status();
    return all.ok() ? *all : std::vector<Observed>();
  }
  State StateOf(const std::string& id) {
    const auto state = ReplicaDirectory(launcher_.runtime_dir() + "/replicas/" + id).ReadState();
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *state : State();
  }

  LauncherProcess launcher_;
  Collector told_;
  std::unique_ptr<Runtime> runtime_;
};

}  // namespace perigee::satellite
