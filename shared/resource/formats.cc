#include "shared/resource/formats.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/base/utf8.h"
#include "shared/resource/quantity.h"
#include "shared/resource/validate.h"

namespace perigee {
namespace {

constexpr size_t kPathLength = 4095;
constexpr size_t kPathPartLength = 255;
constexpr size_t kDataKeyLength = 253;

bool IsAlnum(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c));
}
bool IsDigit(char c) {
  return absl::ascii_isdigit(static_cast<unsigned char>(c));
}

// The beginning of a text that may be long or hostile, for messages.
std::string Excerpt(std::string_view text) {
  std::string excerpt(text.substr(0, ValidUtf8Prefix(text.substr(0, 60))));
  if (excerpt.size() < text.size()) excerpt += "…";
  return absl::StrCat("\"", excerpt, "\"");
}

absl::Status Bad(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(Excerpt(text), " ", ToAbsl(what)));
}

bool IsLowerAlnum(char c) {
  return IsAlnum(c) && !absl::ascii_isupper(static_cast<unsigned char>(c));
}

bool IsDnsLabel(std::string_view text) {
  return !text.empty() && text.size() <= 63 && IsLowerAlnum(text.front()) && IsLowerAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsLowerAlnum(c) || c == '-'; });
}

// The name part of a label key, and a label value that is not empty.
bool IsLabelWord(std::string_view text) {
  return !text.empty() && text.size() <= limits::kLabelValueLength && IsAlnum(text.front()) &&
         IsAlnum(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return IsAlnum(c) || c == '-' || c == '_' || c == '.';
         });
}

absl::Status CheckMode(std::string_view text) {
  const bool octal = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
  const bool length = text.size() == 3 || (text.size() == 4 && text[0] == '0');
  if (octal && length) return absl::OkStatus();
  return Bad(text, "is not a file mode; write for example 0444 or 0400");
}

absl::Status CheckPercent(std::string_view text) {
  int value = 0;
  if (text.ends_with('%') && text.size() <= 4 && text.size() >= 2 && IsDigit(text[0]) &&
      absl::SimpleAtoi(ToAbsl(text.substr(0, text.size() - 1)), &value) && value >= 1 && value <= 100) {
    return absl::OkStatus();
  }
  return Bad(text, "is not a share; write for example 10%, from 1% to 100%");
}

absl::Status CheckTimeOfDay(std::string_view text) {
  const bool shape = text.size() == 5 && text[2] == ':' && IsDigit(text[0]) && IsDigit(text[1]) &&
                     IsDigit(text[3]) && IsDigit(text[4]);
  if (shape && text.substr(0, 2) < "24" && text[3] < '6') return absl::OkStatus();
  return Bad(text, "is not a time of day; write for example \"22:00\"");
}

}  // namespace

absl::Status ValidateName(std::string_view name) {
  if (IsDnsLabel(name)) return absl::OkStatus();
  return Bad(name,
             "is not a name: at most 63 of a-z, 0-9 and \"-\", beginning and ending with a letter or digit");
}

absl::Status ValidateLabelKey(std::string_view key) {
  const size_t slash = key.find('/');
  const std::string_view name = slash == key.npos ? key : key.substr(slash + 1);
  bool valid = IsLabelWord(name);
  if (slash != key.npos) {
    const std::vector<absl::string_view> parts = absl::StrSplit(ToAbsl(key.substr(0, slash)), '.');
    valid = valid && slash <= 253 && std::all_of(parts.begin(), parts.end(), [](absl::string_view part) {
              return IsDnsLabel(ToStd(part));
            });
  }
  if (valid) return absl::OkStatus();
  return Bad(
      key,
      "is not a label key: [prefix.example/]name, the name at most 63 of A-Z, a-z, 0-9, \"-\", \"_\", \".\"");
}

absl::Status ValidateLabelValue(std::string_view value) {
  if (value.empty() || IsLabelWord(value)) return absl::OkStatus();
  return Bad(
      value,
      "is not a label value: at most 63 of A-Z, a-z, 0-9, \"-\", \"_\", \".\", beginning and ending with a "
      "letter or digit");
}

absl::Status CheckAbsolutePath(std::string_view text) {
  if (!text.starts_with('/')) return Bad(text, "is not an absolute path");
  if (text.size() > kPathLength) return Bad(text, "is longer than a path may be");
  if (text == "/") return Bad(text, "is the root, not a file in it");
  for (absl::string_view part : absl::StrSplit(ToAbsl(text.substr(1)), '/')) {
    if (part.empty()) return Bad(text, "has an empty part (\"//\" or a \"/\" at the end)");
    if (part == "." || part == "..") return Bad(text, "must not have \".\" or \"..\" as a part");
    if (part.size() > kPathPartLength) return Bad(text, "has a part longer than 255 bytes");
  }
  const bool control =
      std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  return control ? Bad(text, "has a control character") : absl::OkStatus();
}

absl::Status CheckEnvName(std::string_view text) {
  const bool shape = !text.empty() && text.size() <= 255 && !IsDigit(text[0]) &&
                     std::all_of(text.begin(), text.end(), [](char c) { return IsAlnum(c) || c == '_'; });
  if (!shape)
    return Bad(text, "is not a variable name: letters, digits and \"_\", not beginning with a digit");
  if (text.starts_with("PERIGEE_"))
    return Bad(text, "is reserved: variables that begin with PERIGEE_ are set by the satellite");
  return absl::OkStatus();
}

absl::Status CheckDataKey(std::string_view text) {
  const bool shape = !text.empty() && text.size() <= kDataKeyLength && text != "." && text != ".." &&
                     std::all_of(text.begin(), text.end(),
                                 [](char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; });
  if (shape) return absl::OkStatus();
  return Bad(text, "is not a key: A-Z, a-z, 0-9, \"-\", \"_\" and \".\"");
}

absl::Status CheckFormat(std::string_view format, std::string_view text) {
  if (format == "label") return ValidateName(text);
  if (format == "quantity") return ParseQuantity(text).status();
  if (format == "duration") return ParseDuration(text).status();
  if (format == "path") return CheckAbsolutePath(text);
  if (format == "mode") return CheckMode(text);
  if (format == "env_name") return CheckEnvName(text);
  if (format == "percent") return CheckPercent(text);
  if (format == "time") return CheckTimeOfDay(text);
  if (format == "label_key") return ValidateLabelKey(text);
  if (format == "label_value") return ValidateLabelValue(text);
  PERIGEE_ASSERT(false && "the schema names a format that nobody knows");
}

void Findings::Add(std::string_view field, std::string message, std::string suggestion) {
  v1::FieldError error;
  error.set_field(std::string(field));
  error.set_message(std::move(message));
  error.set_suggestion(std::move(suggestion));
  errors_.push_back(std::move(error));
}

void Findings::AddStatus(std::string_view field, const absl::Status& status) {
  if (!status.ok()) Add(field, std::string(status.message()));
}

}  // namespace perigee
