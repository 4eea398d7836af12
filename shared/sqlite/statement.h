// One prepared statement with its bound values. Not thread-safe; must not outlive its Database.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace perigee {

// SQL that the compiler has seen whole: a statement cannot be put together at
// run time, so values can only get in by binding.
class Sql {
 public:
  consteval Sql(const char* text) : text_(text) {}  // NOLINT(google-explicit-constructor)
  const char* text() const { return text_; }

 private:
  const char* text_;
};

// Bound as a BLOB, where a std::string_view is bound as TEXT. Refers to the bytes.
struct Blob {
  std::string_view bytes;
};

class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Binds every parameter in order, and makes the statement ready to run again. Text and
  // blobs are copied. The wrong number of values is a programmer's error.
  template <typename... Values>
  Statement& Bind(const Values&... values) {
    Rewind(sizeof...(values));
    int index = 0;
    (BindOne(++index, values), ...);
    return *this;
  }

  // True: there is a row, to be read by the functions below. False: it is done.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();

  // Columns of the row, from 0. SQLite's conversions apply. Views last until the next Step or Bind.
  int64_t Int(int column) const;
  double Real(int column) const;
  std::string_view Text(int column) const;
  std::string_view Bytes(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Database;
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}

  void Rewind(size_t values);
  void BindOne(int index, std::string_view text);
  void BindOne(int index, const std::string& text) { BindOne(index, std::string_view(text)); }
  void BindOne(int index, const char* text) { BindOne(index, std::string_view(text)); }
  void BindOne(int index, Blob blob);
  void BindOne(int index, std::nullptr_t null);
  void BindOne(int index, double value);
  void BindInt(int index, int64_t value);
  template <std::integral T>
  void BindOne(int index, T value) {
    BindInt(index, static_cast<int64_t>(value));
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
  int bind_result_ = 0;  // the first failure, reported by Step
};

}  // namespace perigee
