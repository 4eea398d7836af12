#include "control-plane/http/header_block.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

HeaderVerdict Refuse(int status, std::string detail) {
  return {.refuse = status, .detail = std::move(detail)};
}

bool IsToken(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 || c == '\t'; }) &&
         text.find('\x7F') == std::string_view::npos;
}

std::string_view Trim(std::string_view text) {
  return ToStd(absl::StripAsciiWhitespace(ToAbsl(text)));
}

bool Is(std::string_view name, const char* known) {
  return absl::EqualsIgnoreCase(ToAbsl(name), known);
}

// What the lines say about the body.
struct Seen {
  std::optional<uint64_t> length;
  bool json = false;
};

// One "Name: value" line.
HeaderVerdict JudgeLine(std::string_view line, Seen& seen) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon)) || !IsPrintable(line)) {
    return Refuse(400, "a header line is malformed");
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trim(line.substr(colon + 1));
  if (Is(name, "Transfer-Encoding")) return Refuse(411, "chunked bodies are not taken");
  if (Is(name, "Content-Encoding")) return Refuse(415, "compressed bodies are not taken");
  if (Is(name, "Content-Length")) {
    uint64_t length = 0;
    const bool digits = std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (seen.length.has_value() || !digits || !absl::SimpleAtoi(ToAbsl(value), &length)) {
      return Refuse(400, "Content-Length is malformed or there twice");
    }
    seen.length = length;
  }
  if (Is(name, "Content-Type")) {
    seen.json = Is(Trim(value.substr(0, value.find(';'))), "application/json");
  }
  HeaderVerdict verdict;
  if (!Is(name, "Range") && !Is(name, "Accept-Encoding")) {
    verdict.block.append(line).append("\r\n");
  }
  return verdict;
}

HeaderVerdict JudgeBody(std::string_view method, const Seen& seen, size_t body_limit) {
  if (seen.length.value_or(0) > body_limit) {
    return Refuse(413, "the body is larger than " + std::to_string(body_limit) + " bytes");
  }
  if (method != "POST") {
    return seen.length.value_or(0) > 0 ? Refuse(400, "this method takes no body") : HeaderVerdict();
  }
  if (!seen.length.has_value()) return Refuse(411, "Content-Length is missing");
  if (!seen.json) return Refuse(415, "the body must be application/json");
  return {};
}

}  // namespace

HeaderVerdict JudgeHeader(std::string_view block, size_t body_limit) {
  if (block.size() > kHeaderBytes) return Refuse(431, "the header is too large");
  const size_t first_end = block.find("\r\n");
  if (first_end == std::string_view::npos || !absl::EndsWith(ToAbsl(block), "\r\n\r\n")) {
    return Refuse(400, "this is not HTTP/1.1");
  }
  const std::string_view first = block.substr(0, first_end);
  const std::string_view method = first.substr(0, first.find(' '));
  if (!IsToken(method) || !IsPrintable(first)) return Refuse(400, "this is not HTTP/1.1");
  if (method != "GET" && method != "HEAD" && method != "POST") {
    return Refuse(405, "only GET, HEAD and POST are served");
  }
  HeaderVerdict result{.block = std::string(first) + "\r\n"};
  Seen seen;
  int lines = 0;
  for (size_t at = first_end + 2; at + 2 < block.size();) {
    const size_t end = block.find("\r\n", at);
    if (++lines > kHeaderLines) return Refuse(431, "there are too many header lines");
    HeaderVerdict verdict = JudgeLine(block.substr(at, end - at), seen);
    if (verdict.refuse != 0) return verdict;
    result.block += verdict.block;
    at = end + 2;
  }
  if (HeaderVerdict body = JudgeBody(method, seen, body_limit); body.refuse != 0) return body;
  result.block += "\r\n";
  return result;
}

}  // namespace perigee::control
