// What an unquoted YAML scalar means to some reader or other: the traps of
// YAML 1.1 and 1.2 (octal, hex, yes, no, off, ~, 1e3) in one place.
#pragma once

#include <string>
#include <string_view>

namespace perigee {

enum class PlainType { kText, kInteger, kFloat, kBool, kNull };

// kInteger and kFloat include forms that the strict reader refuses (0x1F, 017, 1_000, .inf); kBool includes
// yes, no, on and off.
PlainType ClassifyPlain(std::string_view text);
// "a number", "true or false", "nothing", "a text".
std::string_view PlainTypeName(PlainType type);
// -?(0|[1-9][0-9]*)
bool IsDecimalInteger(std::string_view text);
// A JSON number.
bool IsDecimalNumber(std::string_view text);

// In double quotes, as both YAML and JSON take it. Control characters, bidirectional marks and what is not
// UTF-8 are escaped.
std::string QuoteText(std::string_view text);

}  // namespace perigee
