#include "control-plane/http/json_body.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

// EnrollRequest, the deepest, has three levels.
constexpr int kDepth = 16;

// Looks at brackets outside strings only: enough to bound what a parser will recurse into.
bool TooDeep(const std::string& text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '{' || c == '[') && ++depth > kDepth) return true;
    if (c == '}' || c == ']') --depth;
  }
  return false;
}

// "(field) name: Cannot find field." names a field only; other messages quote the text.
std::string UnknownField(const std::string& message) {
  constexpr std::string_view kEnd = ": Cannot find field.";
  const size_t end = message.find(kEnd);
  if (end == std::string::npos) return "";
  const size_t begin = message.rfind(' ', end);
  std::string name = message.substr(begin == std::string::npos ? 0 : begin + 1,
                                    begin == std::string::npos ? end : end - begin - 1);
  const bool plain = name.size() <= 63 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '_' || c == '.';
                     });
  return plain ? name : std::string("(unprintable)");
}

}  // namespace

absl::Status ReadJson(const std::string& body, google::protobuf::Message& message) {
  const std::string wanted = message.GetDescriptor()->name();
  if (TooDeep(body)) return absl::InvalidArgumentError("the body is nested too deeply");
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto status = google::protobuf::util::JsonStringToMessage(body, &message, options);
  if (status.ok()) return absl::OkStatus();
  const std::string unknown = UnknownField(std::string(status.message().data(), status.message().size()));
  if (!unknown.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the body has a field \"", unknown, "\" that ", wanted,
                                                   " does not have; use a client of this release"));
  }
  return absl::InvalidArgumentError(absl::StrCat("the body is not the JSON form of ", wanted,
                                                 "; check types and spelling against proto/perigee/v1"));
}

std::string WriteJson(const google::protobuf::Message& message) {
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text);
  PERIGEE_ASSERT(status.ok());
  return text + "\n";
}

}  // namespace perigee::control
