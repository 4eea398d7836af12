#include "shared/base/status.h"

#include <cstdio>
#include <cstdlib>

namespace perigee {

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(ToAbsl(context), ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

absl::Status ErrnoStatus(int error, std::string_view what) {
  return absl::ErrnoToStatus(error, ToAbsl(what));
}

void AssertionFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "assertion failed at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace perigee
