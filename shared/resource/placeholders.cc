#include "shared/resource/placeholders.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "shared/base/string_views.h"
#include "shared/resource/formats.h"
#include "shared/resource/message_reader.h"

namespace perigee {
namespace {

constexpr std::string_view kOpening = "${";
constexpr std::string_view kValues = "site.values.";
constexpr std::string_view kWhatElse =
    "; a shell's own variable is written without braces, other text goes into a Config";
constexpr size_t kLongestShown = 60;
constexpr size_t kLongestJudged = 512;  // longer than any of ours can be

bool IsOurs(std::string_view name) {
  return name == "site.name" || name == "satellite.name" || name == "satellite.address" ||
         (name.starts_with(kValues) && name.size() > kValues.size());
}

// Whether some site can have a value for it.
bool IsPossible(std::string_view name) {
  return IsOurs(name) && (!name.starts_with(kValues) || CheckDataKey(name.substr(kValues.size())).ok());
}

// One "${" of a text and what follows it, to the next "}" or to the end.
struct Braced {
  size_t start = 0;
  std::string_view name;
  bool closed = false;
};

// Walks through all of them, also those inside another, in one pass: looking for the "}" anew from each "${" would take
// a time that grows with the square of the text.
class BracedTexts {
 public:
  explicit BracedTexts(std::string_view text) : text_(text) {}

  std::optional<Braced> NextFrom(size_t from) {
    const size_t start = text_.find(kOpening, from);
    if (start == std::string_view::npos) return std::nullopt;
    const size_t inside = start + kOpening.size();
    if (!looked_ || end_ < inside) end_ = text_.find('}', inside);
    looked_ = true;
    return Braced{start, text_.substr(inside, end_ == std::string_view::npos ? end_ : end_ - inside),
                  end_ != std::string_view::npos};
  }

 private:
  const std::string_view text_;
  size_t end_ = 0;
  bool looked_ = false;
};

// " site.values.city " → "site", "values", "city", dots 2, spaced.
struct Parts {
  std::string_view head, word, rest;
  int dots = 0;  // 2 for more
  bool spaced = false;
};

Parts PartsOf(std::string_view name) {
  const std::string_view trimmed = ToStd(absl::StripAsciiWhitespace(ToAbsl(name)));
  Parts parts{.head = trimmed.substr(0, trimmed.find('.')), .spaced = trimmed.size() != name.size()};
  if (parts.head.size() == trimmed.size()) return parts;
  const std::string_view tail = trimmed.substr(parts.head.size() + 1);
  parts.word = tail.substr(0, tail.find('.'));
  parts.dots = parts.word.size() == tail.size() ? 1 : 2;
  if (parts.dots == 2) parts.rest = tail.substr(parts.word.size() + 1);
  return parts;
}

bool IsHead(std::string_view head) {
  return head == "site" || head == "satellite";
}
// A letter or two off. What a shell does with a variable of its own (${site%%.*}, ${site-a.b}) is none of it.
std::string NearestHead(std::string_view head) {
  const bool is_word = std::all_of(head.begin(), head.end(),
                                   [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_'; });
  if (!is_word) return "";
  return NearestName(head, {"site", "satellite"});
}
std::string NearestWord(std::string_view word) {
  return NearestName(word, {"name", "values", "address"});
}

std::string ValueOf(std::string_view key) {
  return absl::StrCat(ToAbsl(kValues), CheckDataKey(key).ok() ? ToAbsl(key) : "KEY");
}

// What is meant by a name that is none of ours; empty: hard to say.
std::string Meant(const Parts& parts) {
  const std::string head = NearestHead(parts.head);
  const std::string word = NearestWord(parts.word);
  if (parts.dots == 0 || word == "name") return absl::StrCat(head, ".name");
  if (word == "address") return "satellite.address";
  if (word == "values") return ValueOf(parts.rest);
  const bool without_values = head == "site" && parts.dots == 1 && CheckDataKey(parts.word).ok();
  return without_values ? ValueOf(parts.word) : "";
}

// As much of it as fits into a message; a name that was not closed may go on for pages.
std::string Shown(const Braced& braced) {
  size_t length = 0;
  while (length < braced.name.size() && absl::ascii_isprint(static_cast<unsigned char>(braced.name[length])))
    ++length;
  if (length == braced.name.size() && length <= kLongestShown)
    return absl::StrCat("${", ToAbsl(braced.name), braced.closed ? "}" : "");
  return absl::StrCat("${", ToAbsl(braced.name.substr(0, std::min(length, kLongestShown))), "...");
}

UnknownPlaceholder Unknown(const Braced& braced, const Parts& parts) {
  const std::string meant = Meant(parts);
  return {.message = absl::StrCat("\"", Shown(braced), "\" is no placeholder; there are ${site.name}, ",
                                  "${site.values.KEY}, ${satellite.name} and ${satellite.address}"),
          .suggestion = meant.empty() ? "" : absl::StrCat("${", meant, "}")};
}

// The first that is none of ours and that `is_meant` to be one.
template <typename IsMeant>
std::optional<UnknownPlaceholder> Find(std::string_view text, const IsMeant& is_meant) {
  BracedTexts all(text);
  size_t from = 0;
  while (const auto braced = all.NextFrom(from)) {
    from = braced->start + kOpening.size();
    if (braced->start > 0 && text[braced->start - 1] == '$') continue;
    if (braced->closed && IsPossible(braced->name)) continue;
    const Parts parts = PartsOf(braced->name.substr(0, kLongestJudged));
    if (is_meant(parts)) return Unknown(*braced, parts);
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::string> Resolve(std::string_view text, const std::map<std::string, std::string>& values,
                                    std::map<std::string, std::string>* used) {
  std::string result;
  BracedTexts all(text);
  size_t done = 0;  // what is before it is in `result`
  size_t from = 0;
  while (const auto braced = all.NextFrom(from)) {
    if (!braced->closed) break;
    // Only the "${" is passed over: what follows may hold one of ours, as in ${a:-${site.name}}.
    from = braced->start + kOpening.size();
    if (!IsOurs(braced->name)) continue;
    const std::string name(braced->name);
    const auto value = values.find(name);
    if (value == values.end())
      return absl::NotFoundError(absl::StrCat("there is no value for ${", name, "}"));
    if (used != nullptr) used->insert(*value);
    result.append(text.substr(done, braced->start - done)).append(value->second);
    done = from = braced->start + kOpening.size() + name.size() + 1;
  }
  return result.append(text.substr(done));
}

std::optional<UnknownPlaceholder> FindUnknownPlaceholder(std::string_view text) {
  // A shell's variables have no dots, so a dot tells a word that is merely near (${SIZE}) from one that is meant.
  auto unknown = Find(text, [](const Parts& parts) {
    return parts.dots == 0 ? IsHead(parts.head) : !NearestHead(parts.head).empty();
  });
  if (unknown.has_value()) absl::StrAppend(&unknown->message, ToAbsl(kWhatElse));
  return unknown;
}

std::optional<UnknownPlaceholder> FindMistypedPlaceholder(std::string_view text) {
  // What a program computes for itself (${site.name.length} of a script, ${ site.name }) is not ours to judge.
  return Find(text, [](const Parts& parts) {
    if (!IsHead(parts.head) || parts.spaced) return false;
    const std::string word = NearestWord(parts.word);
    return word == "values" || (!word.empty() && parts.dots == 1);
  });
}

}  // namespace perigee
