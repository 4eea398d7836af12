#include "satellite/agent/commands.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "satellite/agent/agent.h"
#include "satellite/agent/enroll.h"
#include "satellite/agent/launch.h"
#include "satellite/agent/local_json.h"
#include "satellite/agent/local_socket.h"
#include "satellite/agent/offline_view.h"
#include "satellite/logs/reader.h"
#include "satellite/runtime/process_runtime.h"
#include "satellite/shim/protocol.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/pki/certificate.h"
#include "shared/resource/quantity.h"
#include "shared/resource/validate.h"
#include "shared/telemetry/escape.h"
#include "shared/telemetry/log.h"

namespace perigee::satellite {
namespace {

int Fail(const absl::Status& status) {
  std::cerr << "error: " << EscapeForTerminal(ToStd(status.message())) << "\n";
  return kExitError;
}

absl::StatusOr<std::string> ReadToken(const std::string& file) {
  auto text =
      file == "-" ? ReadStandardInput(limits::kTokenFileBytes) : ReadFile(file, limits::kTokenFileBytes);
  if (!text.ok()) return Annotate(text.status(), "reading the token");
  std::string token(ToStd(absl::StripAsciiWhitespace(*text)));
  if (token.empty())
    return absl::InvalidArgumentError("the token is empty; create one: cloudctl token create --site SITE");
  return token;
}

// Names come from elsewhere; line feeds are ours.
std::string EscapeLines(const std::string& text) {
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  std::vector<std::string> escaped;
  for (const std::string& line : lines) escaped.push_back(EscapeForTerminal(line));
  return absl::StrJoin(escaped, "\n");
}

absl::StatusOr<FactOverrides> OverridesOf(const std::string& address, const std::string& capacity) {
  FactOverrides overrides{.address = address, .capacity = {}};
  PERIGEE_ASSIGN_OR_RETURN(overrides.capacity, ParseCapacity(capacity));
  return overrides;
}

absl::StatusOr<EnrolOutcome> DoEnroll(const EnrollFlags& flags) {
  EnrolOptions options{
      .data_dir = flags.data_dir, .server = flags.server, .name = flags.name, .anew = flags.anew};
  // Here, where it is typed: the centre would choose another name.
  if (!flags.name.empty()) PERIGEE_RETURN_IF_ERROR(Annotate(ValidateName(flags.name), "--name"));
  PERIGEE_ASSIGN_OR_RETURN(options.ca_hash, ParseCaHash(flags.ca_hash));
  PERIGEE_ASSIGN_OR_RETURN(options.wait, ParseDuration(flags.wait));
  PERIGEE_ASSIGN_OR_RETURN(FactOverrides overrides, OverridesOf(flags.address, flags.capacity));
  options.facts = GatherFacts(overrides);
  if (FileExists(flags.data_dir + "/perigee.db")) {
    return absl::FailedPreconditionError(absl::StrCat(
        flags.data_dir,
        " is the data directory of a control plane; give this satellite one of its own (--data-dir)"));
  }
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(flags.data_dir, 0700));
  PERIGEE_ASSIGN_OR_RETURN(auto door, OpenEnrolmentDoor(options.server, options.ca_hash));
  return Enrol(
      options, *door, SystemClock(), SystemRandom(), [&] { return ReadToken(flags.token_file); },
      [](const std::string& line) { std::cout << EscapeLines(line) << std::endl; });
}

// What the agent says, or, without an agent, what it last wrote down.
absl::StatusOr<LocalView> ViewOf(const std::string& data_dir) {
  auto view = AskStatus(data_dir);
  if (absl::IsUnavailable(view.status())) return ReadOfflineView(data_dir);
  return view;
}

}  // namespace

int RunEnroll(const EnrollFlags& flags) {
  auto outcome = DoEnroll(flags);
  if (!outcome.ok()) return Fail(outcome.status());
  if (*outcome == EnrolOutcome::kEnrolled && AskStatus(flags.data_dir).ok()) {
    std::cout << "an agent runs here as what this host was before: start it again (workloads go on)\n";
  }
  if (*outcome != EnrolOutcome::kWaiting) return kExitOk;
  std::cerr << "still waiting for approval; run the same command again to go on waiting\n";
  return kExitWaiting;
}

int RunAgent(const RunFlags& flags) {
  // Before any thread, so that all of them leave the signals to this one.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  signal(SIGPIPE, SIG_IGN);
  if (absl::Status logging = StartLogging("satellite", ""); !logging.ok()) return Fail(logging);
  auto overrides = OverridesOf(flags.address, flags.capacity);
  if (!overrides.ok()) return Fail(overrides.status());
  auto agent =
      // The launcher's shims write logs there too, from another working directory.
      Agent::Start({.data_dir = std::filesystem::absolute(flags.data_dir), .facts = *overrides},
                   NewProcessRuntime({.runtime_dir = flags.runtime_dir}), SystemClock(), SystemRandom());
  if (!agent.ok()) return Fail(agent.status());
  Log(Level::kInfo, "agent started", {{"version", PERIGEE_VERSION}});
  int signal_number = 0;
  sigwait(&ends, &signal_number);
  Log(Level::kInfo, "agent ends; workloads go on", {{"signal", signal_number}});
  return kExitOk;
}

int RunStatus(const std::string& data_dir, bool as_json) {
  auto view = ViewOf(data_dir);
  if (!view.ok()) return Fail(view.status());
  std::cout << (as_json ? FormatViewAsJson(*view) : FormatView(*view, SystemClock().Now()));
  return kExitOk;
}

int RunLogs(const std::string& data_dir, const std::string& replica, size_t tail) {
  auto view = ViewOf(data_dir);
  if (!view.ok()) return Fail(view.status());
  auto found = FindReplicas(*view, replica);
  if (!found.ok()) {
    // One that is removed, or whose entry is gone, may still have left something.
    if (!IsReplicaId(replica) || !FileExists(LogDirectory(data_dir, replica))) {
      return Fail(found.status());
    }
    found = std::vector<LocalReplica>{{.id = replica, .name = replica}};
  }
  int code = kExitOk;
  for (const LocalReplica& one : *found) {
    auto lines = ReadLogs(LogDirectory(data_dir, one.id), {.tail = tail});
    if (!lines.ok()) {
      code = Fail(Annotate(lines.status(), one.name));
      continue;
    }
    for (const LogLine& line : *lines) {
      if (found->size() > 1) std::cout << EscapeForTerminal(one.name) << " ";
      std::cout << FormatLogLine(line) << "\n";
    }
  }
  return code;
}

int RunRestart(const std::string& data_dir, const std::string& replica, bool all) {
  if (replica.empty() != all) {
    return Fail(
        absl::InvalidArgumentError("name one replica or workload, or say --all for every replica of this "
                                   "host; see: perigee-satellite status"));
  }
  auto view = AskStatus(data_dir);
  if (!view.ok()) return Fail(view.status());
  auto found = FindReplicas(*view, replica);
  if (!found.ok()) return Fail(found.status());
  int code = kExitOk;
  for (const LocalReplica& one : *found) {
    if (absl::Status status = AskRestart(data_dir, one.id); !status.ok()) {
      code = Fail(Annotate(status, one.name));
    } else {
      std::cout << EscapeForTerminal(one.name) << " restarts\n";
    }
  }
  return code;
}

}  // namespace perigee::satellite
