// Rules of one task of a Workload.
#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "shared/resource/field_path.h"
#include "shared/resource/kind_rules.h"
#include "shared/resource/message_reader.h"
#include "shared/resource/placeholders.h"
#include "shared/resource/quantity.h"

namespace perigee {
namespace {

constexpr int kMostArguments = 1024;
constexpr int kMostThreshold = 1000;
constexpr absl::Duration kLongestGrace = absl::Hours(1);
constexpr absl::Duration kLongestPeriod = absl::Hours(1);

std::string At(const std::string& path, const char* list, int index) {
  return ElementPath(FieldPath(path, list), static_cast<size_t>(index));
}

void CheckPlaceholders(std::string_view text, const std::string& path, Findings& findings) {
  if (auto unknown = FindUnknownPlaceholder(text))
    findings.Add(path, std::move(unknown->message), std::move(unknown->suggestion));
}

void CheckCommand(const google::protobuf::RepeatedPtrField<std::string>& command, const std::string& path,
                  Findings& findings) {
  if (command.empty()) {
    findings.Add(
        path, "required: the program and its arguments, for example [/usr/sbin/nginx, -g, \"daemon off;\"]");
    return;
  }
  const absl::Status program = CheckAbsolutePath(command[0]);
  if (!program.ok()) {
    findings.Add(ElementPath(path, 0),
                 absl::StrCat("the program must be an absolute path: ", program.message()));
  }
  if (command.size() > kMostArguments)
    findings.Add(path, absl::StrCat("more than ", kMostArguments, " arguments"));
  for (int i = 0; i < command.size(); ++i)
    CheckPlaceholders(command[i], ElementPath(path, static_cast<size_t>(i)), findings);
}

void CheckKeyReference(const v1::KeyReference& reference, const std::string& path, Findings& findings) {
  if (!reference.key().empty()) findings.AddStatus(FieldPath(path, "key"), CheckDataKey(reference.key()));
}

void CheckEnv(const v1::WorkloadTask& task, const std::string& path, Findings& findings) {
  std::set<std::string> names;
  for (int i = 0; i < task.env_size(); ++i) {
    const v1::EnvVar& env = task.env(i);
    const std::string at = At(path, "env", i);
    // A variable without a source is an empty text.
    const int sources = (env.value().empty() ? 0 : 1) + env.has_from_config() + env.has_from_secret();
    if (sources > 1) findings.Add(at, "only one of value, fromConfig and fromSecret is possible");
    if (!env.name().empty() && !names.insert(env.name()).second) {
      findings.Add(FieldPath(at, "name"), absl::StrCat("there is another variable ", env.name()));
    }
    CheckPlaceholders(env.value(), FieldPath(at, "value"), findings);
    CheckKeyReference(env.from_config(), FieldPath(at, "fromConfig"), findings);
    CheckKeyReference(env.from_secret(), FieldPath(at, "fromSecret"), findings);
  }
}

void CheckFiles(const v1::WorkloadTask& task, const std::string& path, Findings& findings) {
  std::set<std::string> paths;
  for (int i = 0; i < task.files_size(); ++i) {
    const v1::FileMount& file = task.files(i);
    const std::string at = At(path, "files", i);
    if (file.has_from_config() == file.has_from_secret()) {
      findings.Add(at, "exactly one of fromConfig and fromSecret is needed");
    }
    if (!file.path().empty() && !paths.insert(file.path()).second) {
      findings.Add(FieldPath(at, "path"), absl::StrCat("there is another file at ", file.path()));
    }
    CheckKeyReference(file.from_config(), FieldPath(at, "fromConfig"), findings);
    CheckKeyReference(file.from_secret(), FieldPath(at, "fromSecret"), findings);
  }
  for (const std::string& one : paths) {
    const auto inside = paths.lower_bound(one + "/");
    if (inside != paths.end() && absl::StartsWith(*inside, one + "/")) {
      findings.Add(FieldPath(path, "files"),
                   absl::StrCat(one, " cannot be a file and the directory of ", *inside));
    }
  }
}

bool IsPort(int number) {
  return number >= 1 && number <= 65535;
}

void CheckPorts(const v1::WorkloadTask& task, const std::string& path, Findings& findings) {
  std::set<std::string> names;
  std::set<std::pair<std::string, int>> host_ports;
  for (int i = 0; i < task.ports_size(); ++i) {
    const v1::Port& port = task.ports(i);
    const std::string at = At(path, "ports", i);
    if (!port.name().empty() && !names.insert(port.name()).second) {
      findings.Add(FieldPath(at, "name"), absl::StrCat("there is another port named ", port.name()));
    }
    if (port.port() != 0 && !IsPort(port.port()))
      findings.Add(FieldPath(at, "port"), "must be between 1 and 65535");
    const int number = port.host().number();
    if (number != 0 && !IsPort(number)) findings.Add(FieldPath(at, "host"), "must be between 1 and 65535");
    if (number != 0 && !port.host().mode().empty())
      findings.Add(FieldPath(at, "host"), "either a number or auto");
    if (port.port() == 0 || port.host().mode() == "auto") continue;
    const std::string protocol = port.protocol().empty() ? "tcp" : port.protocol();
    const int host = number != 0 ? number : port.port();
    if (!host_ports.emplace(protocol, host).second) {
      findings.Add(FieldPath(at, number != 0 ? "host" : "port"),
                   absl::StrCat("another port of this task is ", host, "/", protocol, " too"));
    }
  }
}

void CheckResources(const v1::WorkloadTask& task, const std::string& path, Findings& findings) {
  for (const auto& [name, text] : task.resources()) {
    const std::string at = KeyPath(FieldPath(path, "resources"), name);
    if (name != "cpu" && name != "memory" && name != "pids") {
      findings.Add(at, "not yet served by this release; cpu, memory and pids are",
                   NearestName(name, {"cpu", "memory", "pids"}));
      continue;
    }
    const auto quantity = ParseQuantity(text);
    if (!quantity.ok()) continue;  // reported as a wrong format
    if (*quantity == 0) findings.Add(at, "must be more than 0; leave it out for no limit");
    if (name != "cpu" && *quantity % 1000 != 0) findings.Add(at, "must be a whole number");
  }
}

void CheckPortReference(const v1::PortReference& reference, const v1::WorkloadTask& task,
                        const std::string& path, Findings& findings) {
  if (!reference.name().empty() && reference.number() != 0) {
    findings.Add(path, "either the name of a port or a number, not both");
  } else if (reference.number() != 0) {
    if (!IsPort(reference.number())) findings.Add(path, "must be between 1 and 65535");
  } else if (reference.name().empty()) {
    findings.Add(path, "required: the name of a port of the task, or a number");
  } else {
    std::vector<std::string> names;
    for (const v1::Port& port : task.ports()) names.push_back(port.name());
    if (std::find(names.begin(), names.end(), reference.name()) == names.end()) {
      findings.Add(path, absl::StrCat("the task has no port named ", reference.name().substr(0, 63)),
                   NearestName(reference.name(), names));
    }
  }
}

void CheckInterval(const std::string& text, const std::string& path, Findings& findings) {
  CheckPositiveDuration(text, path, findings);
  const auto duration = ParseDuration(text);
  if (duration.ok() && *duration > kLongestPeriod) findings.Add(path, "longer than 1h");
}

void CheckProbe(const v1::Probe& probe, const v1::WorkloadTask& task, const std::string& path,
                Findings& findings) {
  if (probe.has_http() + probe.has_tcp() + probe.has_exec() != 1) {
    findings.Add(path, "exactly one of http, tcp and exec is needed");
  }
  if (probe.has_http()) {
    if (probe.http().has_port()) CheckPortReference(probe.http().port(), task, path + ".http.port", findings);
    const std::string& target = probe.http().path();
    const bool clean =
        std::all_of(target.begin(), target.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
    if (!target.empty() && (target[0] != '/' || !clean)) {
      findings.Add(path + ".http.path", "must begin with \"/\" and have no spaces");
    }
    CheckPlaceholders(target, path + ".http.path", findings);
  }
  if (probe.has_tcp() && probe.tcp().has_port()) {
    CheckPortReference(probe.tcp().port(), task, path + ".tcp.port", findings);
  }
  if (probe.has_exec() && probe.exec().command_size() > 0) {
    CheckCommand(probe.exec().command(), path + ".exec.command", findings);
  }
  CheckInterval(probe.period(), path + ".period", findings);
  CheckInterval(probe.timeout(), path + ".timeout", findings);
  const auto check_threshold = [&](int value, const char* name) {
    if (value < 0 || value > kMostThreshold) {
      findings.Add(FieldPath(path, name), absl::StrCat("must be between 1 and ", kMostThreshold));
    }
  };
  check_threshold(probe.failure_threshold(), "failureThreshold");
  check_threshold(probe.success_threshold(), "successThreshold");
}

void CheckHealth(const v1::WorkloadTask& task, const std::string& path, Findings& findings) {
  const v1::Health& health = task.health();
  const std::string at = FieldPath(path, "health");
  if (health.has_startup()) CheckProbe(health.startup(), task, FieldPath(at, "startup"), findings);
  if (health.has_readiness()) CheckProbe(health.readiness(), task, FieldPath(at, "readiness"), findings);
  if (health.has_liveness()) CheckProbe(health.liveness(), task, FieldPath(at, "liveness"), findings);
}

void CheckLife(const v1::WorkloadTask& task, const std::string& path, Findings& findings) {
  const v1::Restart::Backoff& backoff = task.restart().backoff();
  const std::string at = FieldPath(path, "restart.backoff");
  CheckPositiveDuration(backoff.initial(), FieldPath(at, "initial"), findings);
  CheckPositiveDuration(backoff.max(), FieldPath(at, "max"), findings);
  const auto initial = ParseDuration(backoff.initial());
  const auto max = ParseDuration(backoff.max());
  if (initial.ok() && max.ok() && *initial > *max) findings.Add(FieldPath(at, "initial"), "longer than max");
  const auto grace = ParseDuration(task.stop().grace());
  if (grace.ok() && *grace > kLongestGrace) findings.Add(FieldPath(path, "stop.grace"), "longer than 1h");
}

}  // namespace

void CheckTask(const v1::WorkloadTask& task, const std::string& path, Findings& findings) {
  if (task.runtime().empty() || task.runtime() == "process") {
    CheckCommand(task.command(), FieldPath(path, "command"), findings);
  }
  CheckEnv(task, path, findings);
  CheckFiles(task, path, findings);
  CheckPorts(task, path, findings);
  CheckResources(task, path, findings);
  CheckHealth(task, path, findings);
  CheckLife(task, path, findings);
}

}  // namespace perigee
