#include "control-plane/store/listing.h"

#include <algorithm>
#include <string>

#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::control {

absl::StatusOr<int64_t> ForEachRecord(Store& store, std::string_view prefix,
                                      const std::function<absl::Status(const Record&)>& each) {
  std::string after;
  int64_t newest = 0;
  while (true) {
    PERIGEE_ASSIGN_OR_RETURN(const Page page, store.List(prefix, limits::kListPage, after));
    newest = std::max(newest, page.revision);
    for (const Record& record : page.records) PERIGEE_RETURN_IF_ERROR(each(record));
    if (!page.more || page.records.empty()) return newest;
    after = page.records.back().key;
  }
}

}  // namespace perigee::control
