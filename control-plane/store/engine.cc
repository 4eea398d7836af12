#include "control-plane/store/engine.h"

#include <algorithm>

#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::control {

int PageLimit(int limit) {
  return std::clamp(limit, 1, limits::kListPage);
}

absl::Status NoSuchKey(std::string_view key) {
  return absl::NotFoundError(absl::StrCat("the store has no ", ToAbsl(key)));
}

}  // namespace perigee::control
