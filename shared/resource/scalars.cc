#include "shared/resource/scalars.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "shared/base/string_views.h"
#include "shared/base/utf8.h"

namespace perigee {
namespace {

bool IsDigit(char c) {
  return absl::ascii_isdigit(static_cast<unsigned char>(c));
}

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return absl::EqualsIgnoreCase(ToAbsl(text), ToAbsl(word));
  });
}

std::string_view WithoutSign(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text;
}

// Digits with `_` between them, also 0x, 0o and 0b.
bool IsInteger(std::string_view text) {
  text = WithoutSign(text);
  if (text.empty() || !IsDigit(text[0])) return false;
  const bool prefixed = text.size() > 2 && text[0] == '0' &&
                        (text[1] == 'x' || text[1] == 'X' || text[1] == 'o' || text[1] == 'O' ||
                         text[1] == 'b' || text[1] == 'B');
  if (prefixed) {
    return std::all_of(text.begin() + 2, text.end(),
                       [](unsigned char c) { return absl::ascii_isxdigit(c) || c == '_'; });
  }
  return std::all_of(text.begin(), text.end(), [](char c) { return IsDigit(c) || c == '_'; });
}

bool IsFloat(std::string_view text) {
  if (IsOneOf(text, {".inf", "+.inf", "-.inf", ".nan"})) return true;
  text = WithoutSign(text);
  size_t digits = 0;
  size_t points = 0;
  size_t i = 0;
  for (; i < text.size() && (IsDigit(text[i]) || text[i] == '.' || text[i] == '_'); ++i) {
    if (text[i] == '.') ++points;
    if (IsDigit(text[i])) ++digits;
  }
  if (digits == 0 || points > 1) return false;
  if (i == text.size()) return points == 1;
  if (text[i] != 'e' && text[i] != 'E') return false;
  text = WithoutSign(text.substr(i + 1));
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

}  // namespace

PlainType ClassifyPlain(std::string_view text) {
  if (text.empty() || text == "~" || IsOneOf(text, {"null"})) return PlainType::kNull;
  if (IsOneOf(text, {"true", "false", "yes", "no", "on", "off"})) return PlainType::kBool;
  if (IsInteger(text)) return PlainType::kInteger;
  if (IsFloat(text)) return PlainType::kFloat;
  return PlainType::kText;
}

std::string_view PlainTypeName(PlainType type) {
  switch (type) {
    case PlainType::kText:
      return "a text";
    case PlainType::kInteger:
    case PlainType::kFloat:
      return "a number";
    case PlainType::kBool:
      return "true or false";
    case PlainType::kNull:
      return "nothing";
  }
  return "a text";
}

bool IsDecimalInteger(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return false;
  return std::all_of(text.begin(), text.end(), IsDigit);
}

bool IsDecimalNumber(std::string_view text) {
  const size_t mantissa = std::min(text.find_first_of("eE"), text.size());
  const size_t point = std::min(text.find('.'), mantissa);
  if (!IsDecimalInteger(text.substr(0, point))) return false;
  if (point < mantissa) {
    const std::string_view fraction = text.substr(point + 1, mantissa - point - 1);
    if (fraction.empty() || !std::all_of(fraction.begin(), fraction.end(), IsDigit)) return false;
  }
  if (mantissa == text.size()) return true;
  const std::string_view exponent = WithoutSign(text.substr(mantissa + 1));
  return !exponent.empty() && std::all_of(exponent.begin(), exponent.end(), IsDigit);
}

std::string QuoteText(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const auto point = FirstCodePoint(text);
    if (!point) {
      quoted += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    const char32_t c = point->value;
    if (c == '"' || c == '\\') {
      quoted += {'\\', static_cast<char>(c)};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if ((IsControl(c) || IsBidiOrInvisible(c)) && c <= 0xFFFF) {
      quoted += absl::StrFormat("\\u%04x", static_cast<uint32_t>(c));
    } else {
      quoted += text.substr(0, point->length);
    }
    text.remove_prefix(point->length);
  }
  return quoted + "\"";
}

}  // namespace perigee
