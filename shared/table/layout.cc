// How columns share a width.
#include <algorithm>

#include "shared/table/table.h"

namespace perigee {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kNarrowestCut = 8;
constexpr size_t kNarrowestText = 24;

size_t Least(const Column& column, size_t need) {
  if (column.fit == Column::kWhole) return need;
  const size_t least = column.fit == Column::kShrinks ? kNarrowestCut : kNarrowestText;
  return std::min(need, std::max(least, DisplayWidth(column.title)));
}

size_t Total(const Layout& layout, const std::vector<size_t>& widths) {
  size_t total = 0;
  for (size_t i = 0; i < widths.size(); ++i) {
    if (layout.places[i] == Layout::Place::kColumn) total += widths[i] + kGap;
  }
  return total == 0 ? 0 : total - kGap;
}

// Takes from the widest column until the line fits or none has more than its least.
void Narrow(Layout& layout, const std::vector<size_t>& least, size_t limit) {
  std::vector<size_t>& widths = layout.widths;
  while (Total(layout, widths) > limit) {
    size_t widest = widths.size();
    for (size_t i = 0; i < widths.size(); ++i) {
      if (layout.places[i] != Layout::Place::kColumn || widths[i] <= least[i]) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

}  // namespace

Layout LayOut(const std::vector<Column>& columns, const std::vector<size_t>& needs,
              const Rendering& rendering) {
  Layout layout{.places = std::vector(columns.size(), Layout::Place::kColumn), .widths = needs};
  if (rendering.width == 0) return layout;
  std::vector<size_t> least;
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool stays = rendering.everything && columns[i].fit == Column::kShrinks;
    least.push_back(stays ? needs[i] : Least(columns[i], needs[i]));
  }
  const auto give_way = [&](Layout::Place place, auto may) {
    for (size_t i = columns.size(); i-- > 0;) {
      if (Total(layout, least) > rendering.width && may(columns[i])) layout.places[i] = place;
    }
  };
  if (!rendering.everything) give_way(Layout::Place::kLeftOut, [](const Column& c) { return c.optional; });
  give_way(Layout::Place::kBelow, [](const Column& c) { return c.fit == Column::kWraps; });
  Narrow(layout, least, rendering.width);
  return layout;
}

}  // namespace perigee
