// Parts of texts by the columns that they take. Private to this module.
#pragma once

#include <string_view>

namespace perigee {

// As much of the text as fits into `width` columns, whole characters.
std::string_view FirstColumns(std::string_view text, size_t width);

}  // namespace perigee
