#include "shared/table/table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "shared/base/status.h"
#include "shared/table/wrap.h"

namespace perigee {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kUsualWidth = 80;

// Cut to `width` columns with an ellipsis.
std::string Cut(const std::string& text, size_t width) {
  if (DisplayWidth(text) <= width) return text;
  const std::string_view kept = FirstColumns(text, width == 0 ? 0 : width - 1);
  return std::string(kept) + "…";
}

// The text of a cell as lines of its column.
std::vector<std::string> CellLines(const Column& column, const Cell& cell, size_t width) {
  if (column.fit == Column::kWhole) return {cell.text};
  if (column.fit == Column::kShrinks) return {Cut(cell.text, width)};
  return Wrapped(cell.text, width);
}

void Append(std::string& line, const std::string& text, const Cell& cell, const Column& column, size_t width,
            const Rendering& rendering) {
  const std::string padding(width - std::min(width, DisplayWidth(text)), ' ');
  if (column.right) line += padding;
  line += Coloured(text, cell.tone, rendering);
  if (!column.right) line += padding;
}

// Lines of one row: its columns next to each other, then what goes below.
class RowPrinter {
 public:
  RowPrinter(const std::vector<Column>& columns, const Layout& layout, const Rendering& rendering)
      : columns_(columns), layout_(layout), rendering_(rendering) {}

  std::string Print(const std::vector<Cell>& cells) const {
    std::vector<std::vector<std::string>> texts(cells.size());
    size_t height = 0;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (layout_.places[i] != Layout::Place::kColumn) continue;
      texts[i] = CellLines(columns_[i], cells[i], layout_.widths[i]);
      height = std::max(height, texts[i].size());
    }
    std::string out;
    for (size_t at = 0; at < height; ++at) out += Line(cells, texts, at);
    for (size_t i = 0; i < cells.size(); ++i) {
      if (layout_.places[i] == Layout::Place::kBelow && !cells[i].text.empty())
        out += Hanging(std::string(2 * kGap, ' '), cells[i].text, rendering_);
    }
    return out;
  }

 private:
  std::string Line(const std::vector<Cell>& cells, const std::vector<std::vector<std::string>>& texts,
                   size_t at) const {
    std::string line;
    bool first = true;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (layout_.places[i] != Layout::Place::kColumn) continue;
      if (!first) line += std::string(kGap, ' ');
      first = false;
      Append(line, at < texts[i].size() ? texts[i][at] : "", cells[i], columns_[i], layout_.widths[i],
             rendering_);
    }
    line.resize(line.find_last_not_of(' ') + 1);
    return line + "\n";
  }

  const std::vector<Column>& columns_;
  const Layout& layout_;
  const Rendering& rendering_;
};

std::vector<size_t> WithTitles(const std::vector<Column>& columns, std::vector<size_t> needs) {
  for (size_t i = 0; i < columns.size(); ++i) needs[i] = std::max(needs[i], DisplayWidth(columns[i].title));
  return needs;
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)), needs_(columns_.size()) {}

void Table::AddRow(std::vector<Cell> cells) {
  PERIGEE_ASSERT(cells.size() <= columns_.size());
  cells.resize(columns_.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i].text = Printable(cells[i].text);
    needs_[i] = std::max(needs_[i], DisplayWidth(cells[i].text));
  }
  rows_.push_back(std::move(cells));
}

std::string Table::Lines(const Layout& layout, const Rendering& rendering, bool with_titles) const {
  const RowPrinter printer(columns_, layout, rendering);
  std::string out;
  if (with_titles) {
    std::vector<Cell> titles;
    for (size_t i = 0; i < columns_.size(); ++i) {
      titles.push_back({layout.places[i] == Layout::Place::kColumn ? columns_[i].title : ""});
    }
    out += printer.Print(titles);
  }
  for (const auto& row : rows_) out += printer.Print(row);
  return out;
}

std::string Table::Render(const Rendering& rendering, bool with_titles) const {
  if (rows_.empty()) return "";
  const Layout layout = LayOut(columns_, with_titles ? WithTitles(columns_, needs_) : needs_, rendering);
  return Lines(layout, rendering, with_titles);
}

std::string Table::RenderNew(const Rendering& rendering) {
  if (rows_.empty()) return "";
  const Layout layout = LayOut(columns_, WithTitles(columns_, needs_), rendering);
  const std::string out = Lines(layout, rendering, layout.places != printed_);
  printed_ = layout.places;
  rows_.clear();
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
