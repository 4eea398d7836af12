#include "satellite/state/notes.h"

#include "shared/base/status.h"

namespace perigee::satellite {

absl::StatusOr<std::string> Notes::Read(const std::string& name) {
  PERIGEE_ASSIGN_OR_RETURN(Statement row, db_.Prepare("SELECT text FROM notes WHERE name = ?"));
  row.Bind(name);
  PERIGEE_ASSIGN_OR_RETURN(bool found, row.Step());
  return found ? std::string(row.Text(0)) : std::string();
}

absl::Status Notes::Write(const std::string& name, const std::string& text) {
  return db_.Execute("INSERT OR REPLACE INTO notes (name, text) VALUES (?, ?)", name, text);
}

}  // namespace perigee::satellite
