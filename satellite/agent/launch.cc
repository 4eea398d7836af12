#include "satellite/agent/launch.h"

#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "satellite/shim/protocol.h"
#include "shared/base/files.h"
#include "shared/base/status.h"
#include "shared/resource/quantity.h"
#include "shared/resource/reasons.h"
#include "shared/seal/seal.h"

namespace perigee::satellite {
namespace {

// A failure on the way, with its word of the reason table.
struct Trouble {
  std::string_view reason;
  std::string message;
};

class Builder {
 public:
  Builder(const LaunchSite& site, const Desired& desired, const v1::ReplicaEntry& entry)
      : site_(site), desired_(desired), entry_(entry), task_(entry.template_().tasks(0)) {}

  std::optional<Trouble> Fill(StartRequest* run) {
    run->command.assign(task_.command().begin(), task_.command().end());
    run->workdir = task_.working_directory();  // empty: one of its own, which ends with the run
    if (auto trouble = FillEnvironment(run)) return trouble;
    if (auto trouble = FillFiles(run)) return trouble;
    return FillLimits(run);
  }

  std::map<std::string, std::string> OwnVariables() const {
    std::map<std::string, std::string> env = {{"PERIGEE_ADDRESS", site_.address},
                                              {"PERIGEE_SITE", site_.site},
                                              {"PERIGEE_SATELLITE", site_.satellite},
                                              {"PERIGEE_REPLICA", entry_.assignment_uid()}};
    for (const auto& [name, number] : PortsOf(entry_)) {
      const std::string upper = absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}}));
      env[absl::StrCat("PERIGEE_PORT_", upper)] = absl::StrCat(number);
    }
    return env;
  }

  std::optional<Trouble> FromConfig(const v1::KeyReference& reference, std::string* value) const {
    auto key = entry_.config_keys().find(reference.name());
    auto config =
        key == entry_.config_keys().end() ? desired_.configs.end() : desired_.configs.find(key->second);
    if (config == desired_.configs.end()) {
      return Trouble{reason::kMissingConfig,
                     absl::StrCat("Config \"", reference.name(), "\" is not at this satellite")};
    }
    auto data = config->second.data().find(reference.key());
    if (data == config->second.data().end()) {
      return Trouble{reason::kMissingKey,
                     absl::StrCat("Config \"", reference.name(), "\" has no key \"", reference.key(), "\"")};
    }
    *value = data->second;
    return std::nullopt;
  }

 private:
  std::optional<Trouble> FromSecret(const v1::KeyReference& reference, std::string* value) {
    auto key = entry_.secret_keys().find(reference.name());
    auto secret =
        key == entry_.secret_keys().end() ? desired_.secrets.end() : desired_.secrets.find(key->second);
    if (secret == desired_.secrets.end()) {
      return Trouble{reason::kMissingSecret,
                     absl::StrCat("Secret \"", reference.name(), "\" is not at this satellite")};
    }
    auto opened = opened_.find(key->second);
    if (opened == opened_.end()) {
      v1::SecretContent content;
      if (auto trouble = Open(secret->second, &content)) return trouble;
      opened = opened_.emplace(key->second, std::move(content)).first;
    }
    auto data = opened->second.data().find(reference.key());
    if (data == opened->second.data().end()) {
      return Trouble{reason::kMissingKey,
                     absl::StrCat("Secret \"", reference.name(), "\" has no key \"", reference.key(), "\"")};
    }
    *value = data->second;
    return std::nullopt;
  }

  std::optional<Trouble> Open(const v1::SecretEntry& secret, v1::SecretContent* content) const {
    const std::string what = absl::StrCat("Secret \"", secret.name(), "\" could not be opened");
    if (!site_.sealing_key.has_value())
      return Trouble{reason::kSecretNotOpened, absl::StrCat(what, ": no sealing key")};
    auto plain = Unseal(*site_.sealing_key, site_.sealing_certificate, secret.sealed());
    if (!plain.ok() || !content->ParseFromString(*plain)) return Trouble{reason::kSecretNotOpened, what};
    return std::nullopt;
  }

  std::optional<Trouble> ValueOf(const v1::KeyReference* config, const v1::KeyReference* secret,
                                 std::string* value) {
    if (config != nullptr) return FromConfig(*config, value);
    if (secret != nullptr) return FromSecret(*secret, value);
    return std::nullopt;
  }

  std::optional<Trouble> FillEnvironment(StartRequest* run) {
    std::map<std::string, std::string> env = OwnVariables();
    env.erase("PERIGEE_REPLICA");  // the shim sets it
    for (const v1::EnvVar& variable : task_.env()) {
      std::string value = variable.value();
      if (auto trouble = ValueOf(variable.has_from_config() ? &variable.from_config() : nullptr,
                                 variable.has_from_secret() ? &variable.from_secret() : nullptr, &value)) {
        return trouble;
      }
      env[variable.name()] = std::move(value);
    }
    for (const auto& [name, value] : env) run->env.push_back(absl::StrCat(name, "=", value));
    return std::nullopt;
  }

  std::optional<Trouble> FillFiles(StartRequest* run) {
    for (const v1::FileMount& mount : task_.files()) {
      RunFile file{.path = mount.path()};
      if (!mount.mode().empty()) {
        const char* end = mount.mode().data() + mount.mode().size();
        auto [rest, error] = std::from_chars(mount.mode().data(), end, file.mode, 8);
        if (error != std::errc() || rest != end) {
          return Trouble{reason::kEntryRefused,
                         absl::StrCat("mode \"", mount.mode(), "\" of ", mount.path())};
        }
      }
      if (auto trouble = ValueOf(mount.has_from_config() ? &mount.from_config() : nullptr,
                                 mount.has_from_secret() ? &mount.from_secret() : nullptr, &file.content)) {
        return trouble;
      }
      run->files.push_back(std::move(file));
    }
    return std::nullopt;
  }

  std::optional<Trouble> FillLimits(StartRequest* run) const {
    for (const auto& [name, text] : task_.resources()) {
      auto thousandths = ParseQuantity(text);
      if (!thousandths.ok()) {
        return Trouble{reason::kEntryRefused,
                       absl::StrCat("resources.", name, ": ", thousandths.status().message())};
      }
      if (name == "memory") run->limits.memory_bytes = *thousandths / 1000;
      if (name == "cpu") run->limits.cpu_millis = *thousandths;
      if (name == "pids") run->limits.pids = *thousandths / 1000;
    }
    return std::nullopt;
  }

  const LaunchSite& site_;
  const Desired& desired_;
  const v1::ReplicaEntry& entry_;
  const v1::WorkloadTask& task_;
  std::map<std::string, v1::SecretContent> opened_;
};

Launch Failed(std::string_view reason, std::string message) {
  return {.run = std::nullopt, .failure = {.reason = std::string(reason), .message = std::move(message)}};
}

}  // namespace

std::map<std::string, int> PortsOf(const v1::ReplicaEntry& entry) {
  std::map<std::string, int> ports;
  for (const v1::Port& port : entry.template_().tasks(0).ports()) {
    auto assigned = entry.assigned_host_ports().find(port.name());
    if (assigned != entry.assigned_host_ports().end()) {
      ports[port.name()] = assigned->second;
    } else {
      ports[port.name()] = port.host().number() > 0 ? port.host().number() : port.port();
    }
  }
  return ports;
}

std::vector<std::string> PublicEnvironment(const LaunchSite& site, const Desired& desired,
                                           const v1::ReplicaEntry& entry) {
  const Builder builder(site, desired, entry);
  std::map<std::string, std::string> env = builder.OwnVariables();
  for (const v1::EnvVar& variable : entry.template_().tasks(0).env()) {
    std::string value = variable.value();
    if (variable.has_from_secret()) continue;
    if (variable.has_from_config() && builder.FromConfig(variable.from_config(), &value).has_value())
      continue;
    env[variable.name()] = std::move(value);
  }
  std::vector<std::string> list;
  for (const auto& [name, value] : env) list.push_back(absl::StrCat(name, "=", value));
  return list;
}

std::string ReplicaName(const v1::ReplicaEntry& entry) {
  return absl::StrCat(entry.workload(), "-", entry.ordinal());
}

std::string LogDirectory(const std::string& data_dir, const std::string& id) {
  return absl::StrCat(data_dir, "/logs/", id);
}

absl::Status RemoveLogs(const std::string& data_dir, const std::string& id) {
  if (!IsReplicaId(id)) {
    return absl::InvalidArgumentError(absl::StrCat("no logs are removed for \"", absl::CHexEscape(id),
                                                   "\": a replica's id is 1 to 64 of a-z, 0-9 and -"));
  }
  return RemoveTree(LogDirectory(data_dir, id));
}

Launch MakeLaunch(const LaunchSite& site, const Desired& desired, const std::string& id,
                  const std::string& sha256, std::optional<absl::Duration> lease) {
  auto versions = desired.entries.find(id);
  if (versions == desired.entries.end() || !versions->second.contains(sha256)) {
    return Failed(reason::kStartFailed, "its entry is no longer at this satellite");
  }
  const v1::ReplicaEntry& entry = versions->second.at(sha256);
  auto policy = PolicyOf(entry);
  if (!policy.ok()) return Failed(reason::kEntryRefused, std::string(policy.status().message()));
  StartRequest run;
  run.id = id;
  run.entry_sha256 = sha256;
  run.log_dir = LogDirectory(site.data_dir, id);
  run.stop_signal = policy->stop_signal;
  run.grace = policy->grace;
  run.lease = lease;
  Builder builder(site, desired, entry);
  if (auto trouble = builder.Fill(&run)) return Failed(trouble->reason, std::move(trouble->message));
  if (absl::Status valid = ValidateRun(run); !valid.ok()) {
    return Failed(reason::kEntryRefused, std::string(valid.message()));
  }
  return {.run = std::move(run), .failure = {}};
}

}  // namespace perigee::satellite
