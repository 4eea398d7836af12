// The head of a request, judged before a library parses it. cpp-httplib does not
// bound header lines and chunked bodies, unpacks compressed bodies, and matches
// some headers by regular expressions that recurse; what it need not see is taken
// out, what it should not see is refused. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace perigee::control {

inline constexpr size_t kHeaderBytes = 16 << 10;
inline constexpr int kHeaderLines = 64;

struct HeaderVerdict {
  int refuse = 0;      // status of HTTP; 0: go on
  std::string detail;  // why it is refused
  std::string block;   // what the library gets
};

// `block` ends with its empty line. `body_limit` in bytes.
HeaderVerdict JudgeHeader(std::string_view block, size_t body_limit);

}  // namespace perigee::control
