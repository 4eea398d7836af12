// Debian builds Abseil with a string_view of its own, which std::string_view does
// not convert to. Our interfaces speak std::string_view; these cross over:
//
//   absl::StrCat("no such file: ", ToAbsl(path))       std::string needs nothing
//   std::string_view text = ToStd(status.message());
#pragma once

#include <string_view>

#include "absl/strings/string_view.h"

namespace perigee {

inline absl::string_view ToAbsl(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}
inline std::string_view ToStd(absl::string_view text) {
  return std::string_view(text.data(), text.size());
}

}  // namespace perigee
