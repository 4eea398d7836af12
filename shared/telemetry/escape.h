// Text from elsewhere, made safe to look at. Pure.
#pragma once

#include <string>
#include <string_view>

namespace perigee {

// One line that cannot move the cursor, colour, retitle, ring or reorder: control characters
// (C0, DEL, C1), line and paragraph separators, bidirectional and zero-width format characters
// and bytes that are not UTF-8 become \n, \t, \r, \xNN or \u{NNNN}; a backslash becomes \\.
std::string EscapeForTerminal(std::string_view text);

}  // namespace perigee
