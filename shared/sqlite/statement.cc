#include "shared/sqlite/statement.h"

#include <sqlite3.h>

#include <utility>

#include "shared/base/status.h"
#include "shared/sqlite/errors.h"

namespace perigee {

Statement::Statement(Statement&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)),
      statement_(std::exchange(other.statement_, nullptr)),
      bind_result_(other.bind_result_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(statement_, other.statement_);
  std::swap(bind_result_, other.bind_result_);
  return *this;
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::Rewind(size_t values) {
  // Its result is that of the last Step, which was reported there.
  sqlite3_reset(statement_);
  PERIGEE_ASSERT(sqlite3_bind_parameter_count(statement_) == static_cast<int>(values));
  bind_result_ = SQLITE_OK;
}

void Statement::BindOne(int index, std::string_view text) {
  const char* const data = text.data() == nullptr ? "" : text.data();  // null would bind NULL
  const int result = sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
}

void Statement::BindOne(int index, Blob blob) {
  const char* const data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
  const int result = sqlite3_bind_blob64(statement_, index, data, blob.bytes.size(), SQLITE_TRANSIENT);
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
}

void Statement::BindOne(int index, std::nullptr_t) {
  const int result = sqlite3_bind_null(statement_, index);
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
}

void Statement::BindOne(int index, double value) {
  const int result = sqlite3_bind_double(statement_, index, value);
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
}

void Statement::BindInt(int index, int64_t value) {
  const int result = sqlite3_bind_int64(statement_, index, value);
  if (bind_result_ == SQLITE_OK) bind_result_ = result;
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_result_ != SQLITE_OK) return SqliteStatus(database_, bind_result_, sqlite3_sql(statement_));
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  // Reset at once: a finished statement must not hold a read transaction open.
  absl::Status status = absl::OkStatus();
  if (result != SQLITE_DONE) status = SqliteStatus(database_, result, sqlite3_sql(statement_));
  sqlite3_reset(statement_);
  if (!status.ok()) return status;
  return false;
}

absl::Status Statement::Run() {
  while (true) {
    PERIGEE_ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) return absl::OkStatus();
  }
}

int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::Real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string_view Statement::Text(int column) const {
  const unsigned char* const data = sqlite3_column_text(statement_, column);
  if (data == nullptr) return {};
  return {reinterpret_cast<const char*>(data), static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view Statement::Bytes(int column) const {
  const void* const data = sqlite3_column_blob(statement_, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

}  // namespace perigee
