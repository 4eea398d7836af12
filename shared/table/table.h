// Tables for terminals: columns as wide as their content, with one colour word
// per cell at most. Texts that come from sites are made harmless: no control
// character, escape sequence or bidirectional override reaches the terminal.
//
// A table that is too wide gives way in this order: columns that wrap or shrink
// get narrower, optional ones are left out (the last one first), texts that wrap
// go below their row. What is whole, as a name that a person pastes back, is never cut.
//
//   Table table({{"NAME"}, {"STATE"}, {"MESSAGE", Column::kWraps}});
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
  // What a column does in a table that is too wide: stays, is cut with an ellipsis, goes on under itself.
  enum Fit { kWhole, kShrinks, kWraps };
  std::string title;
  Fit fit = kWhole;
  bool right = false;     // numbers
  bool optional = false;  // left out of a table that is too wide
};

struct Rendering {
  size_t width = 80;  // 0: as wide as it gets (not a terminal)
  bool colours = false;
  bool everything = false;  // nothing is cut or left out, even when lines get longer than the width
};

// How the columns of a table share a width.
struct Layout {
  enum class Place { kColumn, kBelow, kLeftOut };
  std::vector<Place> places;
  std::vector<size_t> widths;
};
// `needs`: how wide each column would like to be. A greater need makes another column wider only by leaving one out.
Layout LayOut(const std::vector<Column>& columns, const std::vector<size_t>& needs,
              const Rendering& rendering);

class Table {
 public:
  explicit Table(std::vector<Column> columns);
  // Missing cells are empty; further ones abort.
  void AddRow(std::vector<Cell> cells);
  size_t rows() const { return rows_.size(); }
  // Title line and rows, each ended by a line feed; without rows: empty.
  std::string Render(const Rendering& rendering, bool with_titles = true) const;
  // The rows since the last call, for tables that grow: a column stays as wide as it was or grows. Titles come
  // first, and again when another column is left out.
  std::string RenderNew(const Rendering& rendering);

 private:
  std::string Lines(const Layout& layout, const Rendering& rendering, bool with_titles) const;
  const std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<size_t> needs_;  // of all rows there were
  std::vector<Layout::Place> printed_;
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

// In lines of at most `width` columns, broken at spaces; a longer word is broken where it must be. 0: one line.
std::vector<std::string> Wrapped(std::string_view text, size_t width);
// "lead text", wrapped to the terminal under the beginning of the text; ends with a line feed. `lead` and `text`
// are Printable.
std::string Hanging(std::string_view lead, std::string_view text, const Rendering& rendering);

// Columns that a text takes on a terminal (East Asian wide characters two, combining ones none).
size_t DisplayWidth(std::string_view text);

}  // namespace perigee
