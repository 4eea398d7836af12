// The columns of each kind's table.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "shared/resource/registry.h"
#include "shared/table/table.h"

namespace perigee::control {

struct ColumnSpec {
  Column column;
  bool wide_only = false;
  std::function<Cell(const google::protobuf::Message& object)> cell;
};

struct TableView {
  absl::Time now;
  absl::TimeZone zone;
  bool wide = false;
  bool with_project = false;
};

// Of that kind, in the order of printing. The functions are for objects of the kind only.
std::vector<ColumnSpec> ColumnsOf(const KindInfo& kind, const TableView& view);
Table MakeTable(const std::vector<ColumnSpec>& columns);
void AddObject(Table& table, const std::vector<ColumnSpec>& columns, const google::protobuf::Message& object);

}  // namespace perigee::control
