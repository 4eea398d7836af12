// perigee-launcher: see launcher.h. It reads no configuration file and no environment.
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstdio>

#include "absl/strings/numbers.h"
#include "satellite/launcher/launcher.h"
#include "satellite/launcher/server.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

// What was killed may have to write first, and a shim that hangs is killed after a while only.
constexpr std::chrono::seconds kPurgePatience(30);
constexpr int kPurgeLookMs = 1000;

constexpr char kUsage[] =
    "usage: perigee-launcher --runtime-dir DIRECTORY --agent-uid UID [options]\n"
    "       perigee-launcher --runtime-dir DIRECTORY --purge\n"
    "       perigee-launcher --help | --version\n"
    "\n"
    "Starts, signals, limits and removes the processes of a satellite's replicas, on the\n"
    "word of the agent. Its own end touches none of them.\n"
    "With --purge, when no launcher serves the directory: ends all of its replicas, and itself.\n"
    "\n"
    "  --runtime-dir DIRECTORY   on a file system that a reboot empties, as /run/perigee\n"
    "  --agent-uid UID           the user of perigee-satellite; besides root nobody else is heard\n"
    "  --uid-range FIRST-LAST    users for replicas, one each (700000-765535)\n"
    "  --no-own-uid              replicas share a user: nobody when the launcher is root, else its own\n"
    "  --cgroup-root PATH|none   in each cgroup hierarchy, instead of the launcher's own place\n"
    "  --shim PROGRAM            perigee-shim, when it is not beside this program\n";

constexpr char kVersion[] = "perigee-launcher " PERIGEE_VERSION "\n";

struct Options {
  Launcher::Config launcher;
  const char* print = nullptr;  // this, and no more
  bool purge = false;
};

std::string BesideThisProgram(const std::string& name) {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0) return name;
  const std::string self(path, static_cast<size_t>(length));
  return self.substr(0, self.rfind('/') + 1) + name;
}

absl::Status Set(Launcher::Config& config, const std::string& flag, const std::string& value) {
  if (flag == "--runtime-dir") {
    config.runtime_dir = value;
  } else if (flag == "--agent-uid") {
    uint32_t uid = 0;
    if (!absl::SimpleAtoi(value, &uid))
      return absl::InvalidArgumentError("--agent-uid: a user's number, as 990");
    config.agent_uid = uid;
  } else if (flag == "--uid-range") {
    PERIGEE_ASSIGN_OR_RETURN(config.uids, ParseUidRange(value));
  } else if (flag == "--cgroup-root") {
    if (value != "none" && (!IsNormalAbsolutePath(value) || value == "/")) {
      return absl::InvalidArgumentError("--cgroup-root: an absolute path without . and .., or none");
    }
    config.cgroup_root = value;
  } else if (flag == "--shim") {
    if (!IsNormalAbsolutePath(value)) return absl::InvalidArgumentError("--shim: an absolute path");
    config.shim = value;
  } else {
    return absl::InvalidArgumentError("unknown option " + flag);
  }
  return absl::OkStatus();
}

// From the host's own file: a directory service may be out of reach when a cut off host boots. A user that is not
// there has the group of the same number.
int64_t GroupOf(int64_t uid) {
  int64_t group = uid;
  if (FILE* const users = std::fopen("/etc/passwd", "re"); users != nullptr) {
    while (const passwd* const user = fgetpwent(users)) {
      if (static_cast<int64_t>(user->pw_uid) != uid) continue;
      group = static_cast<int64_t>(user->pw_gid);
      break;
    }
    std::fclose(users);
  }
  return group;
}

absl::StatusOr<Options> ParseOptions(std::vector<std::string> arguments) {
  Options options;
  options.launcher.shim = BesideThisProgram("perigee-shim");
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string flag = arguments[i];
    if (flag == "--help" || flag == "--version") {
      options.print = flag == "--help" ? kUsage : kVersion;
      return options;
    }
    if (flag == "--purge") {
      options.purge = true;
      continue;
    }
    if (flag == "--no-own-uid") {
      options.launcher.uids.count = 0;
      continue;
    }
    const size_t equals = flag.find('=');
    std::string value;
    if (equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return absl::InvalidArgumentError("unknown option, or one without its value: " + flag);
    }
    PERIGEE_RETURN_IF_ERROR(Set(options.launcher, flag, value));
  }
  if (options.launcher.runtime_dir.empty()) return absl::InvalidArgumentError("--runtime-dir is missing");
  if (options.purge) return options;
  if (options.launcher.agent_uid < 0) return absl::InvalidArgumentError("--agent-uid is missing");
  options.launcher.agent_gid = GroupOf(options.launcher.agent_uid);
  return options;
}

// Each replica holds a descriptor or two here. Gives the limit before: programs that count on small numbers (select)
// get that one back.
std::optional<rlim_t> RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return before;
}

// SIGTERM and SIGINT as a descriptor; SIGPIPE comes as an error where it belongs.
absl::StatusOr<Fd> StopSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  Fd descriptor(signalfd(-1, &set, SFD_CLOEXEC));
  if (!descriptor.valid()) return ErrnoStatus(errno, "waiting for signals");
  return descriptor;
}

absl::Status RemoveWholly(Launcher& launcher, const std::string& id) {
  const auto until = std::chrono::steady_clock::now() + kPurgePatience;
  while (true) {
    const absl::Status status = launcher.Remove(id, true);
    if (!absl::IsDeadlineExceeded(status) || std::chrono::steady_clock::now() >= until) return status;
    std::vector<pollfd> waits;
    for (const int descriptor : launcher.WatchDescriptors()) waits.push_back({descriptor, POLLIN, 0});
    poll(waits.data(), waits.size(), kPurgeLookMs);
    (void)launcher.TakeChanges();
  }
}

absl::Status Purge(const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<Launcher> launcher, Launcher::Open(options.launcher));
  absl::Status status;
  for (const Observed& observed : launcher->Adopt()) {
    status.Update(Annotate(RemoveWholly(*launcher, observed.id), observed.id));
  }
  return status;
}

absl::Status ServeUntilStopped(const Options& options) {
  PERIGEE_ASSIGN_OR_RETURN(const Fd stop, StopSignals());
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<Launcher> launcher, Launcher::Open(options.launcher));
  LauncherServer server({.runtime_dir = options.launcher.runtime_dir,
                         .agent_uid = options.launcher.agent_uid,
                         .stop = stop.get()},
                        *launcher);
  PERIGEE_RETURN_IF_ERROR(server.Listen());
  std::fprintf(stderr, "perigee-launcher: serving %s\n", options.launcher.runtime_dir.c_str());
  return server.Serve();
}

}  // namespace
}  // namespace perigee::satellite

int main(int argc, char** argv) {
  using perigee::satellite::kUsage;
  auto options = perigee::satellite::ParseOptions({argv + 1, argv + argc});
  if (!options.ok()) {
    std::fprintf(stderr, "perigee-launcher: %s\n%s", std::string(options.status().message()).c_str(), kUsage);
    return 2;
  }
  if (options->print != nullptr) {
    std::fputs(options->print, stdout);
    return 0;
  }
  const rlimit no_core{0, 0};  // secrets pass through here
  setrlimit(RLIMIT_CORE, &no_core);
  options->launcher.shim_descriptors = perigee::satellite::RaiseDescriptorLimit();
  const absl::Status status =
      options->purge ? perigee::satellite::Purge(*options) : perigee::satellite::ServeUntilStopped(*options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "perigee-launcher: %s\n", std::string(status.message()).c_str());
  return 1;
}
