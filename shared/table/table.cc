#include "shared/table/table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "shared/base/status.h"
#include "shared/base/utf8.h"

namespace perigee {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kNarrowest = 8;  // of a column that shrinks
constexpr size_t kUsualWidth = 80;

// Cut to `width` columns with an ellipsis.
std::string Cut(const std::string& text, size_t width) {
  if (DisplayWidth(text) <= width) return text;
  std::string_view rest = text;
  std::string out;
  size_t used = 0;
  while (const auto point = FirstCodePoint(rest)) {
    const size_t columns = DisplayWidth(rest.substr(0, point->length));
    if (used + columns + 1 > width) break;
    out += rest.substr(0, point->length);
    used += columns;
    rest.remove_prefix(point->length);
  }
  return out + "…";
}

size_t Total(const std::vector<size_t>& widths) {
  size_t total = 0;
  for (const size_t width : widths) total += width + kGap;
  return total == 0 ? 0 : total - kGap;
}

// Takes from the widest column of those that may shrink until the line fits.
void Shrink(std::vector<size_t>& widths, const std::vector<bool>& may_shrink, size_t narrowest,
            size_t limit) {
  while (Total(widths) > limit) {
    size_t widest = widths.size();
    for (size_t i = 0; i < widths.size(); ++i) {
      if (may_shrink[i] && widths[i] > narrowest && (widest == widths.size() || widths[i] > widths[widest]))
        widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

void AppendCell(std::string& line, const Cell& cell, size_t width, bool right, bool last,
                const Rendering& rendering) {
  const std::string text = Cut(cell.text, width);
  const std::string padding(width - std::min(width, DisplayWidth(text)), ' ');
  if (right) line += padding;
  line += Coloured(text, cell.tone, rendering);
  if (!right && !last) line += padding;
  if (!last) line += std::string(kGap, ' ');
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::AddRow(std::vector<Cell> cells) {
  PERIGEE_ASSERT(cells.size() <= columns_.size());
  cells.resize(columns_.size());
  for (Cell& cell : cells) cell.text = Printable(cell.text);
  rows_.push_back(std::move(cells));
}

std::vector<size_t> Table::Widths(size_t limit, bool with_titles) const {
  std::vector<size_t> widths;
  std::vector<bool> shrinks;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = with_titles ? DisplayWidth(columns_[i].title) : 0;
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i].text));
    widths.push_back(width);
    shrinks.push_back(columns_[i].fit == Column::kShrinks);
  }
  if (limit > 0) {
    Shrink(widths, shrinks, kNarrowest, limit);
    Shrink(widths, std::vector<bool>(widths.size(), true), kNarrowest, limit);
    Shrink(widths, std::vector<bool>(widths.size(), true), 1, limit);
  }
  return widths;
}

std::string Table::Render(const Rendering& rendering, bool with_titles) const {
  if (rows_.empty()) return "";
  const std::vector<size_t> widths = Widths(rendering.width, with_titles);
  std::string out;
  const auto add_line = [&](const std::vector<Cell>& cells) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      AppendCell(line, cells[i], widths[i], columns_[i].right, i + 1 == columns_.size(), rendering);
    }
    line.resize(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  if (with_titles) {
    std::vector<Cell> titles;
    for (const Column& column : columns_) titles.push_back({column.title});
    add_line(titles);
  }
  for (const auto& row : rows_) add_line(row);
  return out;
}

Rendering FitTerminal() {
  if (isatty(STDOUT_FILENO) == 0) return {.width = 0, .colours = false};
  Rendering rendering{.width = kUsualWidth, .colours = true};
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) rendering.width = size.ws_col;
  uint32_t columns = 0;
  const char* set = std::getenv("COLUMNS");
  if (set != nullptr && absl::SimpleAtoi(set, &columns) && columns > 0) rendering.width = columns;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  if ((no_color != nullptr && *no_color != '\0') || term == nullptr || std::strcmp(term, "dumb") == 0) {
    rendering.colours = false;
  }
  return rendering;
}

}  // namespace perigee
