#include "satellite/launcher/uid_range.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"

namespace perigee::satellite {
namespace {

constexpr int64_t kLastUid = 4'294'967'293;  // the two above have meanings of their own

// FNV-1a: spread, and the same on every host and in every release.
uint64_t Spread(std::string_view id) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

}  // namespace

absl::StatusOr<UidRange> ParseUidRange(std::string_view text) {
  const std::vector<std::string> ends = absl::StrSplit(ToAbsl(text), '-');
  int64_t first = 0;
  int64_t last = 0;
  if (ends.size() != 2 || !absl::SimpleAtoi(ends[0], &first) || !absl::SimpleAtoi(ends[1], &last) ||
      first < 1 || last < first || last > kLastUid) {
    return absl::InvalidArgumentError(
        "a range of users is FIRST-LAST, as 700000-765535, and does not hold 0");
  }
  return UidRange{first, last - first + 1};
}

std::optional<int64_t> PickUid(const UidRange& range, std::string_view id, const std::set<int64_t>& taken) {
  if (range.count <= 0) return std::nullopt;
  const auto begin = static_cast<int64_t>(Spread(id) % static_cast<uint64_t>(range.count));
  for (int64_t step = 0; step < range.count; ++step) {
    const int64_t uid = range.first + (begin + step) % range.count;
    if (!taken.contains(uid)) return uid;
  }
  return std::nullopt;
}

bool IsMapped(const UidRange& range, std::string_view uid_map) {
  for (const absl::string_view line : absl::StrSplit(ToAbsl(uid_map), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int64_t inside = 0;
    int64_t length = 0;
    if (words.size() != 3 || !absl::SimpleAtoi(words[0], &inside) || !absl::SimpleAtoi(words[2], &length))
      continue;
    if (inside <= range.first && range.first + range.count <= inside + length) return true;
  }
  return false;
}

}  // namespace perigee::satellite
