// A flat record of named byte strings: what the shim's files and the
// launcher's socket carry. Frozen from the first release, because shims live for
// months under newer agents: readers ignore names they do not know.
//
// Format: "PGR1\n", then for each field in byte order of its name:
//   <name> SP <decimal length of value> LF <value> LF
// Names are [a-z0-9_.-]{1,64}.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace perigee {

using Record = std::map<std::string, std::string>;

std::string EncodeRecord(const Record& record);
// INVALID_ARGUMENT for anything that EncodeRecord does not write.
absl::StatusOr<Record> DecodeRecord(std::string_view bytes);

// A list as one value: u32be length before each element.
std::string EncodeList(const std::vector<std::string>& elements);
absl::StatusOr<std::vector<std::string>> DecodeList(std::string_view bytes);

}  // namespace perigee
