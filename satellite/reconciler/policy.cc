#include "satellite/reconciler/policy.h"

#include <csignal>
#include <map>
#include <string>

#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/resource/quantity.h"

namespace perigee::satellite {
namespace {

absl::Status Take(const std::string& text, std::string_view field, absl::Duration* out) {
  if (text.empty()) return absl::OkStatus();
  auto duration = ParseDuration(text);
  if (!duration.ok()) return Annotate(duration.status(), field);
  *out = *duration;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> SignalNumber(std::string_view name) {
  static const std::map<std::string_view, int> kSignals = {
      {"SIGTERM", SIGTERM}, {"SIGINT", SIGINT},   {"SIGQUIT", SIGQUIT}, {"SIGHUP", SIGHUP},
      {"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2}, {"SIGKILL", SIGKILL}};
  auto it = kSignals.find(name);
  if (it == kSignals.end())
    return absl::InvalidArgumentError(absl::StrCat("unknown stop signal \"", ToAbsl(name), "\""));
  return it->second;
}

absl::StatusOr<ReplicaPolicy> PolicyOf(const v1::ReplicaEntry& entry) {
  if (entry.template_().tasks_size() != 1) {
    return absl::InvalidArgumentError("template.tasks: this agent runs replicas of exactly one task");
  }
  ReplicaPolicy policy;
  const v1::WorkloadTask& task = entry.template_().tasks(0);
  if (!task.stop().signal().empty()) {
    PERIGEE_ASSIGN_OR_RETURN(policy.stop_signal, SignalNumber(task.stop().signal()));
  }
  PERIGEE_RETURN_IF_ERROR(Take(task.stop().grace(), "stop.grace", &policy.grace));
  PERIGEE_RETURN_IF_ERROR(
      Take(task.restart().backoff().initial(), "restart.backoff.initial", &policy.restart.initial));
  PERIGEE_RETURN_IF_ERROR(Take(task.restart().backoff().max(), "restart.backoff.max", &policy.restart.max));
  PERIGEE_RETURN_IF_ERROR(Take(entry.soak(), "soak", &policy.soak));
  PERIGEE_RETURN_IF_ERROR(Take(entry.deadline(), "deadline", &policy.deadline));
  if (!entry.on_disconnect().stop_after().empty()) {
    absl::Duration stop_after;
    PERIGEE_RETURN_IF_ERROR(
        Take(entry.on_disconnect().stop_after(), "on_disconnect.stop_after", &stop_after));
    policy.stop_after = stop_after;
  }
  return policy;
}

}  // namespace perigee::satellite
