#include "control-plane/compile/sources.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control-plane/compile/key_references.h"
#include "shared/base/record.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/resource/placeholders.h"

namespace perigee::control {
namespace {

using Values = std::map<std::string, std::string>;

// In byte order of the keys: a protobuf map has another order each time, and of two problems the same one is to be
// told each time.
template <typename StringMap>
Values Sorted(const StringMap& map) {
  return Values(map.begin(), map.end());
}

// "<title>", count, then keys and values in byte order of the keys.
template <typename StringMap>
void Append(std::string_view title, const StringMap& map, std::vector<std::string>& list) {
  const Values sorted = Sorted(map);
  list.emplace_back(title);
  list.push_back(absl::StrCat(sorted.size()));
  for (const auto& [key, value] : sorted) {
    list.push_back(key);
    list.push_back(value);
  }
}

absl::Status ResolveInPlace(std::string& text, const Values& values, Values& used) {
  PERIGEE_ASSIGN_OR_RETURN(text, Resolve(text, values, &used));
  return absl::OkStatus();
}

absl::Status ResolveProbes(const Values& values, Values& used, v1::Health& health) {
  std::vector<v1::Probe*> probes;
  if (health.has_startup()) probes.push_back(health.mutable_startup());
  if (health.has_readiness()) probes.push_back(health.mutable_readiness());
  if (health.has_liveness()) probes.push_back(health.mutable_liveness());
  for (v1::Probe* probe : probes) {
    if (probe->has_http())
      PERIGEE_RETURN_IF_ERROR(ResolveInPlace(*probe->mutable_http()->mutable_path(), values, used));
    if (!probe->has_exec()) continue;
    for (auto& argument : *probe->mutable_exec()->mutable_command()) {
      PERIGEE_RETURN_IF_ERROR(ResolveInPlace(argument, values, used));
    }
  }
  return absl::OkStatus();
}

absl::Status ResolveTask(const Values& values, Values& used, v1::WorkloadTask& task) {
  for (auto& argument : *task.mutable_command()) {
    PERIGEE_RETURN_IF_ERROR(
        Annotate(ResolveInPlace(argument, values, used), absl::StrCat("command of task ", task.name())));
  }
  for (auto& variable : *task.mutable_env()) {
    PERIGEE_RETURN_IF_ERROR(Annotate(ResolveInPlace(*variable.mutable_value(), values, used),
                                     absl::StrCat("variable ", variable.name(), " of task ", task.name())));
  }
  if (!task.has_health()) return absl::OkStatus();
  return Annotate(ResolveProbes(values, used, *task.mutable_health()),
                  absl::StrCat("a probe of task ", task.name()));
}

Values Chosen(const v1::Config& config, const std::set<std::string>& keys) {
  Values chosen;
  for (const auto& [key, text] : config.spec().data()) {
    if (keys.contains(key)) chosen[key] = text;
  }
  return chosen;
}

// What of a Config has this version: the keys referred to, or, in a revision of before keys had versions, all of it (so
// that such an entry keeps its bytes). Nothing: the Config has another content by now.
std::optional<Values> PartOfVersion(const std::string& version, const v1::Config& config,
                                    const std::set<std::string>& keys) {
  if (ConfigKeysVersion(config, keys) == version) return Chosen(config, keys);
  if (ConfigVersion(config) == version) return Sorted(config.spec().data());
  return std::nullopt;
}

absl::StatusOr<ResolvedConfig> ResolveConfig(const v1::ObjectMeta& config, const Values& data,
                                             const Values& values, Values& used) {
  ResolvedConfig resolved;
  resolved.content.set_name(config.name());
  resolved.content.set_project(config.project());
  for (const auto& [key, text] : data) {
    PERIGEE_ASSIGN_OR_RETURN((*resolved.content.mutable_data())[key], Resolve(text, values, &used));
  }
  std::vector<std::string> list = {"perigee-config-entry-v1", config.project(), config.name()};
  Append("data", resolved.content.data(), list);
  resolved.entry_key = absl::StrCat("config/", Sha256Hex(EncodeList(list)));
  return resolved;
}

absl::Status ResolveConfigs(const ReplicaInput& input, const Values& values, ReplicaSources& sources) {
  KeysByName referred = ReferencesOf(input.revision->spec().template_()).configs;
  for (const auto& [name, version] : Sorted(input.revision->spec().config_versions())) {
    const auto config = input.configs.find(name);
    std::optional<Values> data;
    if (config != input.configs.end()) data = PartOfVersion(version, *config->second, referred[name]);
    if (!data.has_value()) {
      return absl::FailedPreconditionError(absl::StrCat("Config ", name, " has changed since revision ",
                                                        input.revision->spec().number(), " was made"));
    }
    auto resolved = ResolveConfig(config->second->metadata(), *data, values, sources.used);
    if (!resolved.ok()) return Annotate(resolved.status(), absl::StrCat("Config ", name));
    sources.configs[name] = *std::move(resolved);
  }
  return absl::OkStatus();
}

// A Secret has one version for all of its keys: it is sealed as one, and once per version and holder.
absl::Status CheckSecrets(const ReplicaInput& input) {
  for (const auto& [name, version] : Sorted(input.revision->spec().secret_versions())) {
    const auto secret = input.secrets.find(name);
    if (secret == input.secrets.end() || secret->second->spec().version() != version) {
      return absl::FailedPreconditionError(absl::StrCat("Secret ", name, " has changed since revision ",
                                                        input.revision->spec().number(), " was made"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string ConfigVersion(const v1::Config& config) {
  std::vector<std::string> list = {"perigee-config-v1"};
  Append("data", config.spec().data(), list);
  return Sha256Hex(EncodeList(list));
}

std::string ConfigKeysVersion(const v1::Config& config, const std::set<std::string>& keys) {
  std::vector<std::string> list = {"perigee-config-keys-v1"};
  Append("data", Chosen(config, keys), list);
  return Sha256Hex(EncodeList(list));
}

std::map<std::string, std::string> PlaceholderValues(const v1::Site& site, const v1::Satellite& satellite) {
  Values values = {{"site.name", site.metadata().name()}, {"satellite.name", satellite.metadata().name()}};
  for (const auto& [key, value] : site.spec().values()) values[absl::StrCat("site.values.", key)] = value;
  if (!satellite.status().facts().address().empty()) {
    values["satellite.address"] = satellite.status().facts().address();
  }
  return values;
}

absl::StatusOr<ReplicaSources> ResolveSources(const ReplicaInput& input) {
  const Values values = PlaceholderValues(*input.site, *input.satellite);
  ReplicaSources sources;
  sources.resolved = input.revision->spec().template_();
  for (auto& task : *sources.resolved.mutable_tasks()) {
    PERIGEE_RETURN_IF_ERROR(ResolveTask(values, sources.used, task));
  }
  PERIGEE_RETURN_IF_ERROR(ResolveConfigs(input, values, sources));
  PERIGEE_RETURN_IF_ERROR(CheckSecrets(input));
  std::vector<std::string> list = {"perigee-source-v1", input.revision->metadata().uid()};
  Append("placeholders", sources.used, list);
  Append("configs", input.revision->spec().config_versions(), list);
  Append("secrets", input.revision->spec().secret_versions(), list);
  sources.source = Sha256(EncodeList(list));
  return sources;
}

}  // namespace perigee::control
