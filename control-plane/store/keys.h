// The names of everything in the store. Built and parsed here and nowhere else,
// so that a key never holds a name that was not escaped or checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perigee::control::keys {

inline constexpr std::string_view kIntentPrefix = "/intent/";
inline constexpr std::string_view kStatusPrefix = "/status/";
inline constexpr std::string_view kEntriesPrefix = "/entries/";
inline constexpr std::string_view kEventPrefix = "/event/";
inline constexpr std::string_view kAuditPrefix = "/audit/";

// Names, projects and uids must not hold '/': PERIGEE_ASSERT, because admission has checked them.
// `project` is empty for kinds of the cloud.
std::string Intent(std::string_view kind, std::string_view project, std::string_view name);
std::string IntentOfKind(std::string_view kind);                               // prefix
std::string IntentOfProject(std::string_view kind, std::string_view project);  // prefix
std::string Status(std::string_view kind, std::string_view uid);
// The stored entries of a satellite; an entry's key may hold '/'.
std::string EntriesOf(std::string_view satellite_uid);  // prefix of head and entries
std::string EntriesHead(std::string_view satellite_uid);
std::string EntryPrefix(std::string_view satellite_uid);  // prefix of entries
std::string Entry(std::string_view satellite_uid, std::string_view entry_key);
std::string Event(std::string_view uid);
std::string Audit(uint64_t sequence);
std::string AuditHead();
std::string Epoch();
std::string KeyMaterial(std::string_view name);

struct IntentKey {
  std::string kind, project, name;
  bool operator==(const IntentKey&) const = default;
};
struct StatusKey {
  std::string kind, uid;
  bool operator==(const StatusKey&) const = default;
};
struct EntryKey {
  std::string satellite_uid, entry_key;
  bool operator==(const EntryKey&) const = default;
};
// Nothing when the key is not of that family.
std::optional<IntentKey> ParseIntent(std::string_view key);
std::optional<StatusKey> ParseStatus(std::string_view key);
std::optional<EntryKey> ParseEntry(std::string_view key);
// The satellite uid of a key under kEntriesPrefix, head or entry.
std::optional<std::string> HolderOf(std::string_view key);
std::optional<std::string> ParseEvent(std::string_view key);
std::optional<uint64_t> ParseAudit(std::string_view key);

}  // namespace perigee::control::keys
