// Which user a replica runs as. Pure but for Detect.
//
// The same replica gets the same user again (what it keeps on disk stays its
// own), unless another replica has it: then the next free one.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace perigee::satellite {

struct UidRange {
  int64_t first = 700'000;
  int64_t count = 65'536;  // 0: no user of its own for anybody
};

// "700000-765535". INVALID_ARGUMENT says what is allowed; a range never holds user 0.
absl::StatusOr<UidRange> ParseUidRange(std::string_view text);
// Nothing when none is free.
std::optional<int64_t> PickUid(const UidRange& range, std::string_view id, const std::set<int64_t>& taken);
// Whether all users of the range exist where `uid_map` (of /proc/self/uid_map, or gid_map) is in force.
bool IsMapped(const UidRange& range, std::string_view uid_map);

}  // namespace perigee::satellite
