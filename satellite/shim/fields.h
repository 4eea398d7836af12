// Fields of records as numbers, flags and lists; what is missing has a default.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "shared/base/record.h"

namespace perigee::satellite {

void PutNumber(Record& record, const std::string& name, int64_t number);
void PutList(Record& record, const std::string& name, const std::vector<std::string>& elements);

std::string TextField(const Record& record, const std::string& name);  // empty when missing
bool FlagField(const Record& record, const std::string& name);         // "1"
// `otherwise` when missing; INVALID_ARGUMENT when it is not a decimal number.
absl::StatusOr<int64_t> NumberField(const Record& record, const std::string& name, int64_t otherwise);
absl::StatusOr<std::vector<std::string>> ListField(const Record& record, const std::string& name);

}  // namespace perigee::satellite
