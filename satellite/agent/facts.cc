#include "satellite/agent/facts.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/process.h"
#include "shared/base/status.h"
#include "shared/resource/quantity.h"
#include "shared/session/features.h"

namespace perigee::satellite {
namespace {

std::string Platform(const utsname& name) {
  const std::string machine = name.machine;
  if (machine == "x86_64") return "linux/amd64";
  if (machine == "aarch64") return "linux/arm64";
  return absl::StrCat("linux/", machine);
}

}  // namespace

std::string PrettyName(std::string_view os_release) {
  const std::vector<std::string> lines = absl::StrSplit(ToAbsl(os_release), '\n');
  for (const std::string& line : lines) {
    if (!line.starts_with("PRETTY_NAME=")) continue;
    std::string value = line.substr(sizeof("PRETTY_NAME=") - 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return value;
  }
  return "";
}

std::string TotalMemory(std::string_view meminfo) {
  const std::vector<std::string> lines = absl::StrSplit(ToAbsl(meminfo), '\n');
  for (const std::string& line : lines) {
    if (!line.starts_with("MemTotal:")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    int64_t kibibytes = 0;
    if (words.size() >= 2 && absl::SimpleAtoi(words[1], &kibibytes)) return absl::StrCat(kibibytes, "Ki");
  }
  return "";
}

v1::SatelliteFacts GatherFacts(const FactOverrides& overrides) {
  v1::SatelliteFacts facts;
  utsname name{};
  if (uname(&name) == 0) {
    facts.set_hostname(name.nodename);
    facts.set_platform(Platform(name));
  }
  facts.set_os(PrettyName(ReadFile("/etc/os-release", limits::kConfigBytes).value_or("")));
  facts.set_agent_version(PERIGEE_VERSION);
  for (const std::string& feature : SatelliteFeatures()) facts.add_features(feature);
  auto& capacity = *facts.mutable_capacity();
  capacity["cpu"] = absl::StrCat(std::max(1u, std::thread::hardware_concurrency()));
  const std::string memory = TotalMemory(ReadFile("/proc/meminfo", limits::kConfigBytes).value_or(""));
  if (!memory.empty()) capacity["memory"] = memory;
  for (const auto& [resource, quantity] : overrides.capacity) capacity[resource] = quantity;
  facts.set_boot_id(BootId().value_or(""));
  facts.set_address(overrides.address.empty() ? "127.0.0.1" : overrides.address);
  return facts;
}

absl::StatusOr<std::map<std::string, std::string>> ParseCapacity(std::string_view text) {
  std::map<std::string, std::string> capacity;
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), ',', absl::SkipEmpty());
  for (const std::string& part : parts) {
    const std::vector<std::string> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (pair.size() != 2 || pair[0].empty() || !ParseQuantity(pair[1]).ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--capacity: \"", part, "\" is not NAME=QUANTITY, such as cpu=4 or memory=8Gi"));
    }
    capacity[pair[0]] = pair[1];
  }
  return capacity;
}

}  // namespace perigee::satellite
