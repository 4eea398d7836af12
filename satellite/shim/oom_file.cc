#include "satellite/shim/oom_file.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace perigee::satellite {

int64_t CountOomKills(std::string_view text) {
  const std::string all(text);
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(all, '\n'))) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    int64_t kills = 0;
    if (words.size() == 2 && words[0] == "oom_kill" && absl::SimpleAtoi(words[1], &kills)) return kills;
  }
  return 0;
}

}  // namespace perigee::satellite
