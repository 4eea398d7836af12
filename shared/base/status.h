// Errors: every fallible call returns absl::Status or absl::StatusOr<T> with
// gRPC's codes. These add what the code was doing on the way up.
//
//   PERIGEE_ASSIGN_OR_RETURN(auto text, ReadFile(path, limits::kManifestBytes));
//   PERIGEE_RETURN_IF_ERROR(Annotate(store.Commit(t), "recording the enrolment"));
#pragma once

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "shared/base/string_views.h"

namespace perigee {

// The same code with "<context>: <message>". OK stays OK.
[[nodiscard]] absl::Status Annotate(const absl::Status& status, std::string_view context);

// The status for an errno value: "<what>: <strerror>", with the matching code.
[[nodiscard]] absl::Status ErrnoStatus(int error, std::string_view what);

namespace status_internal {
inline const absl::Status& ToStatus(const absl::Status& s) {
  return s;
}
template <typename T>
const absl::Status& ToStatus(const absl::StatusOr<T>& s) {
  return s.status();
}
}  // namespace status_internal

}  // namespace perigee

#define PERIGEE_CONCAT_INNER(a, b) a##b
#define PERIGEE_CONCAT(a, b) PERIGEE_CONCAT_INNER(a, b)
#define PERIGEE_RETURN_IF_ERROR(expression)                                \
  do {                                                                     \
    if (const auto& perigee_result = (expression); !perigee_result.ok()) { \
      return ::perigee::status_internal::ToStatus(perigee_result);         \
    }                                                                      \
  } while (false)
#define PERIGEE_ASSIGN_OR_RETURN(declaration, expression) \
  PERIGEE_ASSIGN_OR_RETURN_INNER(PERIGEE_CONCAT(perigee_or_, __LINE__), declaration, expression)
#define PERIGEE_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                           \
  if (!result.ok()) return result.status();                             \
  declaration = *std::move(result)

// A programmer's error: prints and aborts, in release builds too.
#define PERIGEE_ASSERT(condition) \
  ((condition) ? (void)0 : ::perigee::AssertionFailed(#condition, __FILE__, __LINE__))

namespace perigee {
[[noreturn]] void AssertionFailed(const char* condition, const char* file, int line);
}
