#include "shared/table/wrap.h"

#include <algorithm>

#include "shared/base/utf8.h"
#include "shared/table/table.h"

namespace perigee {
namespace {

constexpr size_t kNarrowest = 20;  // of what hangs behind a long lead

// Takes the next line off the text: whole words, or of a word that is too long as much as fits.
std::string_view TakeLine(std::string_view& text, size_t width) {
  std::string_view line = FirstColumns(text, width);
  if (line.empty()) line = FirstColumns(text, 2);  // the first character is two columns wide
  if (line.size() < text.size() && text[line.size()] != ' ') {
    const size_t space = line.rfind(' ');
    if (space != line.npos && space > 0) line = line.substr(0, space);
  }
  text.remove_prefix(line.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

}  // namespace

std::string_view FirstColumns(std::string_view text, size_t width) {
  size_t bytes = 0;
  for (size_t used = 0; bytes < text.size();) {
    const auto point = FirstCodePoint(text.substr(bytes));
    const size_t length = point ? point->length : 1;
    used += DisplayWidth(text.substr(bytes, length));
    if (used > width) break;
    bytes += length;
  }
  return text.substr(0, bytes);
}

std::vector<std::string> Wrapped(std::string_view text, size_t width) {
  if (width == 0 || DisplayWidth(text) <= width) return {std::string(text)};
  std::vector<std::string> lines;
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  while (!text.empty()) lines.emplace_back(TakeLine(text, width));
  return lines;
}

std::string Hanging(std::string_view lead, std::string_view text, const Rendering& rendering) {
  const size_t indent = DisplayWidth(lead);
  const size_t width = rendering.width == 0                    ? 0
                       : rendering.width < indent + kNarrowest ? kNarrowest
                                                               : rendering.width - indent;
  std::string out;
  for (const std::string& line : Wrapped(text, width)) {
    out += out.empty() ? std::string(lead) : std::string(indent, ' ');
    out += line + "\n";
  }
  return out;
}

}  // namespace perigee
