// Texts from anywhere, made harmless for a terminal.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "shared/base/string_views.h"
#include "shared/base/utf8.h"
#include "shared/table/table.h"

namespace perigee {
namespace {

bool IsCombining(char32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x1AB0 && c <= 0x1AFF) || (c >= 0x20D0 && c <= 0x20FF) ||
         (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xFE20 && c <= 0xFE2F) || c == 0x200D;
}

// Blocks that terminals draw two columns wide (Unicode East Asian Width W and F, by whole blocks).
bool IsWide(char32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1F64F) || (c >= 0x1F900 && c <= 0x1F9FF) ||
         (c >= 0x20000 && c <= 0x3FFFD);
}

std::string Escape(char32_t c) {
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  if (c < 0x100) return absl::StrFormat("\\x%02x", static_cast<uint32_t>(c));
  if (c < 0x10000) return absl::StrFormat("\\u%04x", static_cast<uint32_t>(c));
  return absl::StrFormat("\\U%08x", static_cast<uint32_t>(c));
}

std::string Harmless(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto point = FirstCodePoint(text);
    const size_t length = point ? point->length : 1;
    if (!point) {
      out += Escape(static_cast<unsigned char>(text[0]));
    } else if (keep_lines && (point->value == '\n' || point->value == '\t')) {
      out += static_cast<char>(point->value);
    } else if (IsControl(point->value) || IsBidiOrInvisible(point->value)) {
      out += Escape(point->value);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

const char* ColourCode(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarn:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kDim:
      return "\x1b[2m";
  }
  return "";
}

}  // namespace

std::string Printable(std::string_view text) {
  return Harmless(text, /*keep_lines=*/false);
}

std::string PrintableLines(std::string_view text) {
  return Harmless(text, /*keep_lines=*/true);
}

std::string Coloured(std::string_view text, Tone tone, const Rendering& rendering) {
  if (!rendering.colours || tone == Tone::kPlain || text.empty()) return std::string(text);
  return absl::StrCat(ColourCode(tone), ToAbsl(text), "\x1b[0m");
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const auto point = FirstCodePoint(text);
    if (point && IsWide(point->value)) {
      width += 2;
    } else if (!point || !IsCombining(point->value)) {
      width += 1;
    }
    text.remove_prefix(point ? point->length : 1);
  }
  return width;
}

}  // namespace perigee
