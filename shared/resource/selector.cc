#include "shared/resource/selector.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/resource/validate.h"

namespace perigee {
namespace {

bool Holds(const v1::LabelSelector::Requirement& requirement, const Labels& labels) {
  const auto label = labels.find(requirement.key());
  const bool there = label != labels.end();
  const bool among = there && std::find(requirement.values().begin(), requirement.values().end(),
                                        label->second) != requirement.values().end();
  if (requirement.operator_() == "In") return among;
  if (requirement.operator_() == "NotIn") return !among;
  if (requirement.operator_() == "Exists") return there;
  if (requirement.operator_() == "DoesNotExist") return !there;
  return false;
}

// Splits at commas that are not inside parentheses.
std::vector<std::string> Terms(std::string_view text) {
  std::vector<std::string> terms;
  std::string term;
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == ',' && depth == 0) {
      terms.push_back(std::move(term));
      term.clear();
    } else {
      term.push_back(c);
    }
  }
  terms.push_back(std::move(term));
  return terms;
}

std::string Trim(absl::string_view text) {
  return std::string(absl::StripAsciiWhitespace(text));
}

absl::Status BadTerm(const std::string& term, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("selector \"", term, "\": ", ToAbsl(why),
                   "; write for example country=de,tier!=test,disk in (ssd,nvme),!old"));
}

absl::Status AddRequirement(v1::LabelSelector& selector, const std::string& term, const std::string& key,
                            const char* op, std::vector<std::string> values) {
  if (auto valid = ValidateLabelKey(key); !valid.ok()) return BadTerm(term, ToStd(valid.message()));
  auto* requirement = selector.add_match_expressions();
  requirement->set_key(key);
  requirement->set_operator_(op);
  for (std::string& value : values) {
    if (auto valid = ValidateLabelValue(value); !valid.ok()) return BadTerm(term, ToStd(valid.message()));
    requirement->add_values(std::move(value));
  }
  return absl::OkStatus();
}

// "key in (a,b)" and "key notin (a,b)".
absl::Status AddSet(v1::LabelSelector& selector, const std::string& term, size_t open) {
  if (term.back() != ')') return BadTerm(term, "the closing parenthesis is missing");
  const std::vector<std::string> words =
      absl::StrSplit(term.substr(0, open), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() != 2 || (words[1] != "in" && words[1] != "notin")) {
    return BadTerm(term, "expected KEY in (VALUES) or KEY notin (VALUES)");
  }
  std::vector<std::string> values;
  for (absl::string_view value : absl::StrSplit(term.substr(open + 1, term.size() - open - 2), ',')) {
    values.push_back(Trim(value));
  }
  return AddRequirement(selector, term, words[0], words[1] == "in" ? "In" : "NotIn", std::move(values));
}

absl::Status AddTerm(v1::LabelSelector& selector, const std::string& term) {
  if (term.empty()) return BadTerm(term, "a part is empty");
  if (const size_t open = term.find('('); open != std::string::npos) return AddSet(selector, term, open);
  if (const size_t at = term.find("!="); at != std::string::npos) {
    return AddRequirement(selector, term, Trim(term.substr(0, at)), "NotIn", {Trim(term.substr(at + 2))});
  }
  if (const size_t at = term.find('='); at != std::string::npos) {
    const size_t value = term.compare(at, 2, "==") == 0 ? at + 2 : at + 1;
    return AddRequirement(selector, term, Trim(term.substr(0, at)), "In", {Trim(term.substr(value))});
  }
  if (term[0] == '!') return AddRequirement(selector, term, Trim(term.substr(1)), "DoesNotExist", {});
  return AddRequirement(selector, term, term, "Exists", {});
}

}  // namespace

bool Matches(const v1::LabelSelector& selector, const Labels& labels) {
  for (const auto& [key, value] : selector.match_labels()) {
    const auto label = labels.find(key);
    if (label == labels.end() || label->second != value) return false;
  }
  return std::all_of(selector.match_expressions().begin(), selector.match_expressions().end(),
                     [&](const auto& requirement) { return Holds(requirement, labels); });
}

absl::StatusOr<v1::LabelSelector> ParseSelector(std::string_view text) {
  v1::LabelSelector selector;
  if (Trim(ToAbsl(text)).empty()) return selector;
  if (text.size() > 4096) return absl::InvalidArgumentError("the selector is longer than 4096 characters");
  for (const std::string& term : Terms(text)) {
    PERIGEE_RETURN_IF_ERROR(AddTerm(selector, Trim(term)));
  }
  return selector;
}

std::string FormatSelector(const v1::LabelSelector& selector) {
  std::vector<std::string> terms;
  for (const auto& [key, value] : selector.match_labels()) terms.push_back(absl::StrCat(key, "=", value));
  std::sort(terms.begin(), terms.end());
  for (const auto& requirement : selector.match_expressions()) {
    const std::string& op = requirement.operator_();
    if (op == "Exists") {
      terms.push_back(requirement.key());
    } else if (op == "DoesNotExist") {
      terms.push_back(absl::StrCat("!", requirement.key()));
    } else if (requirement.values_size() == 1) {
      terms.push_back(absl::StrCat(requirement.key(), op == "In" ? "=" : "!=", requirement.values(0)));
    } else {
      terms.push_back(absl::StrCat(requirement.key(), op == "In" ? " in (" : " notin (",
                                   absl::StrJoin(requirement.values(), ","), ")"));
    }
  }
  return absl::StrJoin(terms, ",");
}

}  // namespace perigee
