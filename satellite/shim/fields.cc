#include "satellite/shim/fields.h"

#include "absl/strings/numbers.h"
#include "shared/base/status.h"

namespace perigee::satellite {

void PutNumber(Record& record, const std::string& name, int64_t number) {
  record[name] = std::to_string(number);
}

void PutList(Record& record, const std::string& name, const std::vector<std::string>& elements) {
  record[name] = EncodeList(elements);
}

std::string TextField(const Record& record, const std::string& name) {
  const auto found = record.find(name);
  return found == record.end() ? std::string() : found->second;
}

bool FlagField(const Record& record, const std::string& name) {
  return TextField(record, name) == "1";
}

absl::StatusOr<int64_t> NumberField(const Record& record, const std::string& name, int64_t otherwise) {
  const auto found = record.find(name);
  if (found == record.end()) return otherwise;
  int64_t number = 0;
  // Writing it again rules out spaces, plus signs and leading zeros.
  if (!absl::SimpleAtoi(found->second, &number) || std::to_string(number) != found->second) {
    return absl::InvalidArgumentError(absl::StrCat("the field ", name, " is not a number"));
  }
  return number;
}

absl::StatusOr<std::vector<std::string>> ListField(const Record& record, const std::string& name) {
  auto list = DecodeList(TextField(record, name));
  if (!list.ok()) return Annotate(list.status(), "the field " + name);
  return list;
}

}  // namespace perigee::satellite
