// Rules of Workload.
#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "shared/resource/field_path.h"
#include "shared/resource/kind_rules.h"

namespace perigee {
namespace {

constexpr uint64_t kTemplateBytes = 256 << 10;
constexpr int kMostTasks = 16;

void CheckPlacement(const v1::Placement& placement, Findings& findings) {
  CheckSelector(placement.sites(), "spec.placement.sites", findings);
  CheckSelector(placement.satellites(), "spec.placement.satellites", findings);
  if (placement.replicas_per_site() < 0 || placement.replicas_per_site() > limits::kReplicasPerSite) {
    findings.Add("spec.placement.replicasPerSite",
                 absl::StrCat("must be between 1 and ", limits::kReplicasPerSite));
  }
  const v1::OnDisconnect& disconnect = placement.on_disconnect();
  const std::string path = "spec.placement.onDisconnect";
  if (!disconnect.mode().empty() && !disconnect.stop_after().empty()) {
    findings.Add(path, "either keep or {stopAfter: 10m}, not both");
  }
  CheckPositiveDuration(disconnect.stop_after(), FieldPath(path, "stopAfter"), findings);
}

void CheckRollout(const v1::RolloutStrategy& rollout, Findings& findings) {
  if (rollout.max_unavailable_per_site() < 0 || rollout.max_unavailable_per_site() > 1) {
    findings.Add("spec.rollout.maxUnavailablePerSite",
                 "more than 1 is not yet served by this release; leave it out");
  }
  CheckPositiveDuration(rollout.deadline(), "spec.rollout.deadline", findings);
}

void CheckTasks(const v1::WorkloadTemplate& tasks, Findings& findings) {
  const std::string path = "spec.template.tasks";
  int mains = 0;
  std::set<std::string> names;
  for (int i = 0; i < tasks.tasks_size(); ++i) {
    const v1::WorkloadTask& task = tasks.tasks(i);
    const std::string at = ElementPath(path, static_cast<size_t>(i));
    if (task.role().empty() || task.role() == "main") ++mains;
    if (!names.insert(task.name()).second) {
      findings.Add(FieldPath(at, "name"), absl::StrCat("there is another task named ", task.name()));
    }
    CheckTask(task, at, findings);
  }
  if (tasks.tasks_size() > 0 && mains != 1) {
    findings.Add(path, absl::StrCat("exactly one task must have role main; ", mains, " have it"));
  }
  if (tasks.tasks_size() > kMostTasks)
    findings.Add(path, absl::StrCat("at most ", kMostTasks, " tasks are possible"));
}

}  // namespace

void CheckWorkload(const v1::WorkloadSpec& spec, Findings& findings) {
  CheckPlacement(spec.placement(), findings);
  CheckRollout(spec.rollout(), findings);
  CheckTasks(spec.template_(), findings);
  if (spec.template_().ByteSizeLong() > kTemplateBytes) {
    findings.Add("spec.template",
                 absl::StrCat("larger than ", kTemplateBytes >> 10, " KiB; put large texts into a Config"));
  }
}

}  // namespace perigee
