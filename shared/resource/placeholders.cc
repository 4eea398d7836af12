#include "shared/resource/placeholders.h"

#include "absl/strings/str_cat.h"
#include "shared/base/string_views.h"

namespace perigee {
namespace {

bool IsOurs(std::string_view name) {
  constexpr std::string_view kValues = "site.values.";
  return name == "site.name" || name == "satellite.name" || name == "satellite.address" ||
         (name.starts_with(kValues) && name.size() > kValues.size());
}

}  // namespace

absl::StatusOr<std::string> Resolve(std::string_view text, const std::map<std::string, std::string>& values,
                                    std::map<std::string, std::string>* used) {
  std::string result;
  while (true) {
    const size_t start = text.find("${");
    const size_t end = start == std::string_view::npos ? start : text.find('}', start);
    if (end == std::string_view::npos) break;
    const std::string name(text.substr(start + 2, end - start - 2));
    if (!IsOurs(name)) {
      // Only the "$" is passed over: what follows may hold one of ours, as in ${a:-${site.name}}.
      result.append(text.substr(0, start + 2));
      text.remove_prefix(start + 2);
      continue;
    }
    const auto value = values.find(name);
    if (value == values.end())
      return absl::NotFoundError(absl::StrCat("there is no value for ${", name, "}"));
    if (used != nullptr) used->insert(*value);
    result.append(text.substr(0, start)).append(value->second);
    text.remove_prefix(end + 1);
  }
  return result.append(text);
}

}  // namespace perigee
