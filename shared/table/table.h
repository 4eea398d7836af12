// Tables for terminals: columns as wide as their content, cut to fit the width,
// with one colour word per cell at most. Texts that come from sites are made
// harmless: no control character, escape sequence or bidirectional override
// reaches the terminal.
//
//   Table table({{"NAME"}, {"STATE"}, {"MESSAGE", Column::kShrinks}});
//   table.AddRow({{"web-0"}, {"Ready", Tone::kGood}, {message}});
//   std::cout << table.Render(FitTerminal());
//
// Not thread-safe; Render is const.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace perigee {

enum class Tone { kPlain, kGood, kWarn, kBad, kDim };

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

struct Column {
  enum Fit { kWhole, kShrinks };  // a column that shrinks is cut first when the table is too wide
  std::string title;
  Fit fit = kWhole;
  bool right = false;  // numbers
};

struct Rendering {
  size_t width = 80;  // 0: as wide as it gets (not a terminal)
  bool colours = false;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);
  // Missing cells are empty; further ones abort.
  void AddRow(std::vector<Cell> cells);
  size_t rows() const { return rows_.size(); }
  // Title line and rows, each ended by a line feed; without rows: empty.
  std::string Render(const Rendering& rendering, bool with_titles = true) const;

 private:
  std::vector<size_t> Widths(size_t limit, bool with_titles) const;
  const std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// Of standard output: its width and colours when it is a terminal (NO_COLOR and TERM=dumb switch them off),
// else no limit and no colours. COLUMNS overrides the width.
Rendering FitTerminal();

// One line without control characters, escapes and bidirectional overrides: those become \x1b, \u202e, \n.
// Not UTF-8: \xNN.
std::string Printable(std::string_view text);
// The same, but line feeds and tabs stay, for texts of several lines.
std::string PrintableLines(std::string_view text);
std::string Coloured(std::string_view text, Tone tone, const Rendering& rendering);

// Columns that a text takes on a terminal (East Asian wide characters two, combining ones none).
size_t DisplayWidth(std::string_view text);

}  // namespace perigee
