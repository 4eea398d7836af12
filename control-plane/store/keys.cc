#include "control-plane/store/keys.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"

namespace perigee::control::keys {
namespace {

// No project has this name, because a name is a DNS label.
constexpr std::string_view kNoProject = "_";

absl::string_view Part(std::string_view part) {
  PERIGEE_ASSERT(!part.empty() && part.find('/') == std::string_view::npos);
  return ToAbsl(part);
}

absl::string_view ProjectPart(std::string_view project) {
  return project.empty() ? ToAbsl(kNoProject) : Part(project);
}

// The parts after `prefix` when there are exactly `count`, none of them empty.
std::vector<std::string> Parts(std::string_view key, std::string_view prefix, size_t count) {
  if (!key.starts_with(prefix)) return {};
  std::vector<std::string> parts = absl::StrSplit(ToAbsl(key.substr(prefix.size())), '/');
  if (parts.size() != count) return {};
  for (const std::string& part : parts) {
    if (part.empty()) return {};
  }
  return parts;
}

}  // namespace

std::string Intent(std::string_view kind, std::string_view project, std::string_view name) {
  return absl::StrCat(ToAbsl(kIntentPrefix), Part(kind), "/", ProjectPart(project), "/", Part(name));
}
std::string IntentOfKind(std::string_view kind) {
  return absl::StrCat(ToAbsl(kIntentPrefix), Part(kind), "/");
}
std::string IntentOfProject(std::string_view kind, std::string_view project) {
  return absl::StrCat(ToAbsl(kIntentPrefix), Part(kind), "/", ProjectPart(project), "/");
}
std::string Status(std::string_view kind, std::string_view uid) {
  return absl::StrCat(ToAbsl(kStatusPrefix), Part(kind), "/", Part(uid));
}
std::string EntriesOf(std::string_view satellite_uid) {
  return absl::StrCat(ToAbsl(kEntriesPrefix), Part(satellite_uid), "/");
}
std::string EntriesHead(std::string_view satellite_uid) {
  return absl::StrCat(EntriesOf(satellite_uid), "head");
}
std::string EntryPrefix(std::string_view satellite_uid) {
  return absl::StrCat(EntriesOf(satellite_uid), "e/");
}
std::string Entry(std::string_view satellite_uid, std::string_view entry_key) {
  PERIGEE_ASSERT(!entry_key.empty());
  return absl::StrCat(EntryPrefix(satellite_uid), ToAbsl(entry_key));
}
std::string Event(std::string_view uid) {
  return absl::StrCat(ToAbsl(kEventPrefix), Part(uid));
}
std::string Audit(uint64_t sequence) {
  return absl::StrCat(ToAbsl(kAuditPrefix), absl::Dec(sequence, absl::kZeroPad20));
}
std::string AuditHead() {
  return "/audit-head";
}
std::string Epoch() {
  return "/epoch";
}
std::string KeyMaterial(std::string_view name) {
  return absl::StrCat("/key/", Part(name));
}

std::optional<IntentKey> ParseIntent(std::string_view key) {
  std::vector<std::string> parts = Parts(key, kIntentPrefix, 3);
  if (parts.empty()) return std::nullopt;
  return IntentKey{parts[0], parts[1] == kNoProject ? "" : parts[1], parts[2]};
}

std::optional<StatusKey> ParseStatus(std::string_view key) {
  std::vector<std::string> parts = Parts(key, kStatusPrefix, 2);
  if (parts.empty()) return std::nullopt;
  return StatusKey{parts[0], parts[1]};
}

std::optional<EntryKey> ParseEntry(std::string_view key) {
  if (!key.starts_with(kEntriesPrefix)) return std::nullopt;
  key.remove_prefix(kEntriesPrefix.size());
  const size_t slash = key.find('/');
  if (slash == 0 || slash == std::string_view::npos) return std::nullopt;
  std::string_view rest = key.substr(slash + 1);
  if (!rest.starts_with("e/") || rest.size() == 2) return std::nullopt;
  rest.remove_prefix(2);
  return EntryKey{std::string(key.substr(0, slash)), std::string(rest)};
}

std::optional<std::string> HolderOf(std::string_view key) {
  if (!key.starts_with(kEntriesPrefix)) return std::nullopt;
  key.remove_prefix(kEntriesPrefix.size());
  const size_t slash = key.find('/');
  if (slash == 0 || slash == std::string_view::npos) return std::nullopt;
  return std::string(key.substr(0, slash));
}

std::optional<std::string> ParseEvent(std::string_view key) {
  std::vector<std::string> parts = Parts(key, kEventPrefix, 1);
  if (parts.empty()) return std::nullopt;
  return parts[0];
}

std::optional<uint64_t> ParseAudit(std::string_view key) {
  uint64_t sequence = 0;
  if (!key.starts_with(kAuditPrefix)) return std::nullopt;
  key.remove_prefix(kAuditPrefix.size());
  if (key.size() != 20 || !absl::SimpleAtoi(ToAbsl(key), &sequence)) return std::nullopt;
  return sequence;
}

}  // namespace perigee::control::keys
