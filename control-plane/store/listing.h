// Reading all keys of a prefix, page by page. The pages may be of several moments: who needs one moment compares what it
// read with what says so (a root, a feed from before the first page).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/statusor.h"
#include "control-plane/store/store.h"

namespace perigee::control {

// In byte order of the keys, until `each` fails. The newest revision among the pages; 0 when there was none.
[[nodiscard]] absl::StatusOr<int64_t> ForEachRecord(Store& store, std::string_view prefix,
                                                    const std::function<absl::Status(const Record&)>& each);

}  // namespace perigee::control
