#include "shared/resource/quantity.h"

#include <array>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"

namespace perigee {
namespace {

using Wide = __int128;

struct Suffix {
  std::string_view text;
  int64_t factor;  // in thousandths
};
constexpr int64_t kUnit = 1000;
constexpr auto kSuffixes = std::to_array<Suffix>({
    {"", kUnit},
    {"m", 1},
    {"k", kUnit * 1'000},
    {"M", kUnit * 1'000'000},
    {"G", kUnit * 1'000'000'000},
    {"T", kUnit * 1'000'000'000'000},
    {"P", kUnit * 1'000'000'000'000'000},
    {"Ki", kUnit << 10},
    {"Mi", kUnit << 20},
    {"Gi", kUnit << 30},
    {"Ti", kUnit << 40},
    {"Pi", kUnit << 50},
});
constexpr Wide kLargest = std::numeric_limits<int64_t>::max();
// As many digits as the largest quantity in range has when it is printed in thousandths; with the largest factor and
// one step of an exponent that is below 2^127.
constexpr size_t kMostDigits = 19;

absl::Status BadQuantity(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", ToAbsl(text.substr(0, 40)), "\" is not a quantity: ",
                                                 ToAbsl(why), "; write for example 500m, 2, 256Mi or 1Gi"));
}

struct Number {
  Wide digits = 0;    // without the point
  int decimals = 0;   // digits after the point
  size_t length = 0;  // characters taken
};

absl::StatusOr<Number> ReadNumber(std::string_view text) {
  Number number;
  size_t digits = 0;
  bool point = false;
  for (; number.length < text.size(); ++number.length) {
    const char c = text[number.length];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) break;
    if (++digits > kMostDigits) return BadQuantity(text, "the number has too many digits");
    number.digits = number.digits * 10 + (c - '0');
    if (point) ++number.decimals;
  }
  if (digits == 0) return BadQuantity(text, "it does not begin with a number");
  if (point && number.decimals == 0) return BadQuantity(text, "there is no digit after the point");
  return number;
}

// Scales by a decimal exponent such as the e3 of 1e3; false when the text is not one.
bool ReadExponent(std::string_view text, int* exponent) {
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return false;
  text.remove_prefix(1);
  const bool negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
  if (text.empty()) return false;
  int value = 0;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
    value = std::min(value * 10 + (c - '0'), 10'000);
  }
  *exponent = negative ? -value : value;
  return true;
}

}  // namespace

absl::StatusOr<int64_t> ParseQuantity(std::string_view text) {
  if (text.starts_with('-')) return BadQuantity(text, "it must not be negative");
  PERIGEE_ASSIGN_OR_RETURN(const Number number, ReadNumber(text));
  const std::string_view rest = text.substr(number.length);
  int exponent = 0;
  Wide factor = kUnit;
  if (!ReadExponent(rest, &exponent)) {
    const auto suffix =
        std::find_if(kSuffixes.begin(), kSuffixes.end(), [&](const Suffix& s) { return s.text == rest; });
    if (suffix == kSuffixes.end()) {
      return BadQuantity(text, absl::StrCat("unknown unit \"", ToAbsl(rest.substr(0, 10)), "\""));
    }
    factor = suffix->factor;
  }
  if (number.digits == 0) return 0;
  Wide value = number.digits * factor;
  for (int shift = exponent - number.decimals; shift != 0; shift += shift > 0 ? -1 : 1) {
    if (shift > 0) {
      value *= 10;
      if (value > kLargest) break;
    } else {
      if (value % 10 != 0) return BadQuantity(text, "it is not a whole number of thousandths");
      value /= 10;
    }
  }
  if (value > kLargest) return BadQuantity(text, "it is too large");
  return static_cast<int64_t>(value);
}

std::string FormatQuantity(int64_t thousandths) {
  if (thousandths % kUnit != 0) return absl::StrCat(thousandths, "m");
  const int64_t units = thousandths / kUnit;
  std::string_view best;
  int64_t best_factor = 1;
  for (const Suffix& suffix : kSuffixes) {
    const int64_t factor = suffix.factor / kUnit;
    if (!suffix.text.ends_with('i') || units == 0 || units % factor != 0) continue;
    best = suffix.text;
    best_factor = factor;
  }
  return absl::StrCat(units / best_factor, ToAbsl(best));
}

namespace {

constexpr char kUnits[] = "units are ms, s, m, h and, first, d";

// Takes the days off the front; absl's parser has none.
bool TakeDays(std::string_view& text, absl::Duration* days) {
  const size_t end = text.find('d');
  if (end == text.npos) return true;
  const std::string hours = absl::StrCat(ToAbsl(text.substr(0, end)), "h");
  if (text.find_first_not_of("0123456789.") != end || !absl::ParseDuration(hours, days)) return false;
  *days *= 24;
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("\"", ToAbsl(text.substr(0, 40)),
                                                   "\" is not a duration: ", ToAbsl(why),
                                                   "; write for example 30s, 500ms, 1m30s, 2h or 90d"));
  };
  if (text.empty()) return bad("it is empty");
  if (text.starts_with('-')) return bad("it must not be negative");
  if (text.size() > 40) return bad("it is too long");
  if (!absl::ascii_isdigit(static_cast<unsigned char>(text[0])))
    return bad("it does not begin with a number");
  if (absl::ascii_isdigit(static_cast<unsigned char>(text.back()))) return bad("the unit is missing");
  if (text.find_first_not_of("0123456789.msdh") != text.npos) return bad(kUnits);
  absl::Duration days, duration;
  std::string_view rest = text;
  if (!TakeDays(rest, &days)) return bad(kUnits);
  if (!rest.empty() && !absl::ParseDuration(ToAbsl(rest), &duration)) return bad(kUnits);
  duration += days;
  if (duration > absl::Hours(24 * 3653)) return bad("it is longer than ten years");
  if (duration != absl::Trunc(duration, absl::Milliseconds(1))) return bad("it is finer than a millisecond");
  return duration;
}

std::string DurationText(absl::Duration duration) {
  return duration == absl::ZeroDuration() ? "0s" : absl::FormatDuration(duration);
}

}  // namespace perigee
