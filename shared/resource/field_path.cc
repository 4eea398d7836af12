#include "shared/resource/field_path.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "shared/base/string_views.h"

namespace perigee {
namespace {

bool IsPlainKey(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-';
  });
}

}  // namespace

std::string FieldPath(std::string_view parent, std::string_view field) {
  return parent.empty() ? std::string(field) : absl::StrCat(ToAbsl(parent), ".", ToAbsl(field));
}

std::string ElementPath(std::string_view parent, size_t index) {
  return absl::StrCat(ToAbsl(parent), "[", index, "]");
}

std::string KeyPath(std::string_view parent, std::string_view key) {
  if (IsPlainKey(key)) return FieldPath(parent, key);
  return absl::StrCat(ToAbsl(parent), "[\"", absl::Utf8SafeCEscape(ToAbsl(key)), "\"]");
}

std::string_view ParentPath(std::string_view path) {
  if (path.ends_with("\"]")) {
    const size_t quote = path.rfind("[\"", path.size() - 3);
    return quote == std::string_view::npos ? std::string_view() : path.substr(0, quote);
  }
  const size_t end = path.find_last_of(".[");
  return end == std::string_view::npos ? std::string_view() : path.substr(0, end);
}

size_t EditDistance(std::string_view a, std::string_view b, size_t limit) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit) return limit + 1;
  const auto same = [&](size_t i, size_t j) {
    return absl::ascii_tolower(a[i]) == absl::ascii_tolower(b[j]);
  };
  // Three rows of the table suffice: a swap of neighbours looks two rows up.
  std::vector<size_t> above2;
  std::vector<size_t> above(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    above2 = std::exchange(above, std::exchange(row, std::vector<size_t>(b.size() + 1)));
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = above[j - 1] + (same(i - 1, j - 1) ? 0 : 1);
      row[j] = std::min({changed, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && same(i - 1, j - 2) && same(i - 2, j - 1))
        row[j] = std::min(row[j], above2[j - 2] + 1);
    }
  }
  return std::min(row[b.size()], limit + 1);
}

}  // namespace perigee
