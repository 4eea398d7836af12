#include "satellite/health/probe_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/resource/quantity.h"

namespace perigee::satellite {

std::string_view ProbeRoleName(ProbeRole role) {
  switch (role) {
    case ProbeRole::kStartup:
      return "startup";
    case ProbeRole::kReadiness:
      return "readiness";
    case ProbeRole::kLiveness:
      return "liveness";
  }
  return "";
}

ProbeState::ProbeState(ProbeSpecs specs, absl::Duration now, std::optional<RecalledHealth> recalled) {
  for (auto& [role, spec] : specs) {
    Track track;
    track.spec = std::move(spec);
    track.due = now + std::min(kFirstProbeDelay, track.spec.period);
    if (recalled.has_value() && role == ProbeRole::kStartup) {
      track.passing = track.passed_once = recalled->started;  // has done its work, and is not asked again
      track.recalled = !recalled->started;
    } else if (recalled.has_value() && role == ProbeRole::kReadiness) {
      track.passing = recalled->ready;
      track.recalled = true;
    }
    tracks_.emplace(role, std::move(track));
  }
}

bool ProbeState::HeldBack(ProbeRole role) const {
  if (role == ProbeRole::kStartup) return tracks_.at(role).passing;  // has done its work
  auto startup = tracks_.find(ProbeRole::kStartup);
  return startup != tracks_.end() && !startup->second.passing;
}

std::vector<ProbeRole> ProbeState::TakeDue(absl::Duration now) {
  std::vector<ProbeRole> due;
  for (auto& [role, track] : tracks_) {
    if (track.under_way || track.due > now || HeldBack(role)) continue;
    track.under_way = true;
    due.push_back(role);
  }
  return due;
}

void ProbeState::OnResult(ProbeRole role, const ProbeResult& result, absl::Duration now) {
  Track& track = tracks_.at(role);
  track.under_way = false;
  track.unknown = result.unknown;
  if (result.ok) {
    track.failures = 0;
    track.passed_once = true;
    if (++track.successes >= track.spec.success_threshold) {
      track.passing = true;
      track.failed = track.recalled = false;
      track.message.clear();
    }
  } else {
    if (!result.unknown) track.successes = 0;
    track.message = absl::StrCat(ToAbsl(ProbeRoleName(role)), " probe: ", result.message);
  }
  // The quick asking at the start finds the first success; it does not count against the program.
  const bool quick = !track.passed_once && track.quick < track.spec.period;
  track.due = now + (quick ? track.quick : track.spec.period);
  if (quick) track.quick = std::min(track.quick * 2, track.spec.period);
  if (!result.ok && !result.unknown && !quick && ++track.failures >= track.spec.failure_threshold) {
    track.failed = true;
    track.passing = track.recalled = false;
  }
}

absl::Duration ProbeState::NextDue() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& [role, track] : tracks_) {
    if (!track.under_way && !HeldBack(role)) next = std::min(next, track.due);
  }
  return next;
}

const ProbeSpec& ProbeState::SpecOf(ProbeRole role) const {
  return tracks_.at(role).spec;
}

HealthView ProbeState::View() const {
  HealthView view;
  for (const auto& [role, track] : tracks_) {
    if (track.recalled) view.known = false;
    switch (role) {
      case ProbeRole::kStartup:
        view.started = track.passing;
        if (track.failed) view.alive = false;
        break;
      case ProbeRole::kReadiness:
        view.ready = track.passing;
        break;
      case ProbeRole::kLiveness:
        if (track.failed) view.alive = false;
        break;
    }
    // Before the first success a refused connection is no news, until it has lasted.
    const bool news = track.passed_once || track.failures > 0 || track.unknown;
    if (view.message.empty() && news && !track.message.empty()) view.message = track.message;
  }
  return view;
}

namespace {

absl::StatusOr<int> PortOf(const v1::PortReference& reference, const std::map<std::string, int>& ports) {
  if (reference.name().empty()) {
    if (reference.number() < 1 || reference.number() > 65535) {
      return absl::InvalidArgumentError("health: a probe's port must be 1 to 65535");
    }
    return reference.number();
  }
  auto it = ports.find(reference.name());
  if (it == ports.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("health: the task has no port \"", reference.name(), "\""));
  }
  return it->second;
}

absl::StatusOr<ProbeSpec> SpecFrom(const v1::Probe& probe, const std::map<std::string, int>& ports,
                                   const std::string& address) {
  ProbeSpec spec;
  spec.target.host = address;
  if (probe.has_http()) {
    spec.target.kind = ProbeTarget::Kind::kHttp;
    PERIGEE_ASSIGN_OR_RETURN(spec.target.port, PortOf(probe.http().port(), ports));
    spec.target.path = probe.http().path().empty() ? "/" : probe.http().path();
  } else if (probe.has_tcp()) {
    spec.target.kind = ProbeTarget::Kind::kTcp;
    PERIGEE_ASSIGN_OR_RETURN(spec.target.port, PortOf(probe.tcp().port(), ports));
  } else if (probe.exec().command_size() > 0) {
    spec.target.kind = ProbeTarget::Kind::kExec;
    spec.target.command.assign(probe.exec().command().begin(), probe.exec().command().end());
  } else {
    return absl::InvalidArgumentError("health: a probe needs one of http, tcp and exec");
  }
  if (!probe.period().empty()) {
    PERIGEE_ASSIGN_OR_RETURN(spec.period, ParseDuration(probe.period()));
  }
  if (!probe.timeout().empty()) {
    PERIGEE_ASSIGN_OR_RETURN(spec.timeout, ParseDuration(probe.timeout()));
  }
  spec.period = std::max(spec.period, absl::Milliseconds(10));
  spec.timeout = std::max(spec.timeout, absl::Milliseconds(10));
  if (probe.failure_threshold() > 0) spec.failure_threshold = probe.failure_threshold();
  if (probe.success_threshold() > 0) spec.success_threshold = probe.success_threshold();
  return spec;
}

}  // namespace

absl::StatusOr<ProbeSpecs> ProbesOf(const v1::WorkloadTask& task, const std::map<std::string, int>& ports,
                                    const std::string& address, const std::vector<std::string>& env) {
  ProbeSpecs specs;
  auto take = [&](bool has, ProbeRole role, const v1::Probe& probe) -> absl::Status {
    if (!has) return absl::OkStatus();
    PERIGEE_ASSIGN_OR_RETURN(ProbeSpec spec, SpecFrom(probe, ports, address));
    spec.target.env = env;
    specs.emplace(role, std::move(spec));
    return absl::OkStatus();
  };
  const v1::Health& health = task.health();
  PERIGEE_RETURN_IF_ERROR(take(health.has_startup(), ProbeRole::kStartup, health.startup()));
  PERIGEE_RETURN_IF_ERROR(take(health.has_readiness(), ProbeRole::kReadiness, health.readiness()));
  PERIGEE_RETURN_IF_ERROR(take(health.has_liveness(), ProbeRole::kLiveness, health.liveness()));
  return specs;
}

}  // namespace perigee::satellite
