#include "shared/base/record.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "shared/base/status.h"

namespace perigee {
namespace {

constexpr std::string_view kMagic = "PGR1\n";
constexpr size_t kLongestName = 64;
constexpr size_t kLongestLength = 10;  // digits
constexpr size_t kLengthBytes = 4;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("malformed record: ", ToAbsl(why)));
}

// Takes the text up to `end` off the front of `rest`.
absl::StatusOr<std::string_view> TakeUntil(std::string_view& rest, char end, size_t longest) {
  const size_t position = rest.substr(0, longest + 1).find(end);
  if (position == std::string_view::npos) return Malformed("a name or a length does not end");
  const std::string_view token = rest.substr(0, position);
  rest.remove_prefix(position + 1);
  return token;
}

absl::StatusOr<size_t> ParseLength(std::string_view digits) {
  uint64_t length = 0;
  // Writing it again rules out signs, spaces and leading zeros.
  if (!absl::SimpleAtoi(ToAbsl(digits), &length) || std::to_string(length) != digits) {
    return Malformed("a length is not a number");
  }
  return length;
}

}  // namespace

std::string EncodeRecord(const Record& record) {
  std::string bytes(kMagic);
  for (const auto& [name, value] : record) {
    PERIGEE_ASSERT(IsName(name));
    absl::StrAppend(&bytes, name, " ", value.size(), "\n", value, "\n");
  }
  return bytes;
}

absl::StatusOr<Record> DecodeRecord(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic) return Malformed("it does not begin with PGR1");
  bytes.remove_prefix(kMagic.size());
  Record record;
  while (!bytes.empty()) {
    PERIGEE_ASSIGN_OR_RETURN(const std::string_view name, TakeUntil(bytes, ' ', kLongestName));
    if (!IsName(name)) return Malformed("a name has other characters than a-z, 0-9, _, . and -");
    if (!record.empty() && name <= record.rbegin()->first) return Malformed("names are not in order");
    PERIGEE_ASSIGN_OR_RETURN(const std::string_view digits, TakeUntil(bytes, '\n', kLongestLength));
    PERIGEE_ASSIGN_OR_RETURN(const size_t length, ParseLength(digits));
    if (bytes.size() <= length || bytes[length] != '\n') return Malformed("a value is cut off");
    record.emplace_hint(record.end(), name, bytes.substr(0, length));
    bytes.remove_prefix(length + 1);
  }
  return record;
}

std::string EncodeList(const std::vector<std::string>& elements) {
  std::string bytes;
  for (const std::string& element : elements) {
    PERIGEE_ASSERT(element.size() <= UINT32_MAX);
    const auto length = static_cast<uint32_t>(element.size());
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(length >> shift & 0xff));
    bytes += element;
  }
  return bytes;
}

absl::StatusOr<std::vector<std::string>> DecodeList(std::string_view bytes) {
  std::vector<std::string> elements;
  while (!bytes.empty()) {
    if (bytes.size() < kLengthBytes) return Malformed("the length of a list's element is cut off");
    size_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
    bytes.remove_prefix(kLengthBytes);
    if (bytes.size() < length) return Malformed("an element of a list is cut off");
    elements.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return elements;
}

}  // namespace perigee
