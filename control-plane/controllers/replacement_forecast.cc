#include "control-plane/controllers/replacement_forecast.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "control-plane/compile/key_references.h"
#include "control-plane/controllers/revisions.h"
#include "control-plane/controllers/snapshot.h"
#include "shared/resource/registry.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;

bool RefersTo(const v1::Workload& workload, const Message& changed) {
  const KeyReferences references = ReferencesOf(workload.spec().template_());
  if (const auto* config = dynamic_cast<const v1::Config*>(&changed))
    return references.configs.contains(config->metadata().name());
  const auto* secret = dynamic_cast<const v1::Secret*>(&changed);
  return secret != nullptr && references.secrets.contains(secret->metadata().name());
}

WorkloadSnapshot With(WorkloadSnapshot snapshot, const Message& changed) {
  if (const auto* config = dynamic_cast<const v1::Config*>(&changed))
    snapshot.configs[config->metadata().name()] = std::make_shared<v1::Config>(*config);
  if (const auto* secret = dynamic_cast<const v1::Secret*>(&changed))
    snapshot.secrets[secret->metadata().name()] = std::make_shared<v1::Secret>(*secret);
  return snapshot;
}

std::string UidOf(const RevisionPtr& revision) {
  return revision == nullptr ? "" : revision->metadata().uid();
}

std::string Counted(size_t count, const std::string& what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

// Empty: nothing of this workload is replaced.
std::string Forecast(const WorkloadSnapshot& before, const WorkloadSnapshot& after) {
  const std::string now = UidOf(DecideRevision(before).current);
  const std::string then = UidOf(DecideRevision(after).current);
  if (now == then) return "";
  size_t replicas = 0;
  std::set<std::string> sites;
  for (const auto& assignment : before.assignments) {
    if (assignment->metadata().has_deleting_since() || assignment->spec().revision_uid() == then) continue;
    ++replicas;
    sites.insert(assignment->spec().site_uid());
  }
  if (replicas == 0) return "";
  return absl::StrCat("replaces ", Counted(replicas, "replica"), " of workload ",
                      before.workload->metadata().name(), " at ", Counted(sites.size(), "site"),
                      ", one at a time per site");
}

std::vector<std::string> ForecastAll(const Model& model, const std::string& project, const Message& changed) {
  std::vector<std::string> lines;
  for (const auto& object : model.List("Workload", project)) {
    const auto& workload = static_cast<const v1::Workload&>(*object);
    if (workload.metadata().has_deleting_since() || !RefersTo(workload, changed)) continue;
    const WorkloadSnapshot before = SnapshotForRevision(model, workload.metadata().uid());
    if (before.workload == nullptr) continue;  // gone since
    std::string line = Forecast(before, With(before, changed));
    if (!line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

ReplacementForecast ForecastFrom(const Model& model) {
  return [&model](const Message& after) {
    const KindInfo& kind = KindOf(after);
    const bool replaces = kind.kind == "Config" || kind.kind == "Secret";
    return replaces ? ForecastAll(model, MetaOf(after).project(), after) : std::vector<std::string>();
  };
}

}  // namespace perigee::control
