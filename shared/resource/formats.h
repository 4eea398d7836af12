// The formats that the schema names (option `format`), one function each. Private to this module.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "proto/perigee/v1/cloud_service.pb.h"

namespace perigee {

// OK for a text of that format. Aborts for a format that nobody knows.
absl::Status CheckFormat(std::string_view format, std::string_view text);

absl::Status CheckAbsolutePath(std::string_view text);
absl::Status CheckEnvName(std::string_view text);
// Of a key of a Config or Secret, or of a site's value: A-Z a-z 0-9 . _ -
absl::Status CheckDataKey(std::string_view text);

// What is wrong with an object so far.
class Findings {
 public:
  void Add(std::string_view field, std::string message, std::string suggestion = "");
  // Adds the message of an error; nothing for OK.
  void AddStatus(std::string_view field, const absl::Status& status);
  bool empty() const { return errors_.empty(); }
  std::vector<v1::FieldError> Take() { return std::move(errors_); }

 private:
  std::vector<v1::FieldError> errors_;
};

}  // namespace perigee
