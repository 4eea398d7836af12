#include "control-plane/cloudctl/jsonpath.h"

#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"

namespace perigee::control {
namespace {

using Nodes = std::vector<const Node*>;

constexpr size_t kTemplateLength = 16 << 10;
constexpr int kRangeDepth = 8;

absl::Status Wrong(std::string_view where, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("jsonpath: ", ToAbsl(why), " at \"", ToAbsl(where.substr(0, 30)),
                   "\"; write for example jsonpath='{.items[*].metadata.name}'"));
}

std::string TextOf(const Node& node) {
  if (node.is_scalar()) return node.text;
  if (node.type == Node::Type::kNull) return "null";
  std::string json = NodeToJson(node);
  json.pop_back();
  return json;
}

// "text" or 'text' at the start of `rest`, which moves behind it.
absl::StatusOr<std::string> TakeQuoted(std::string_view& rest) {
  const std::string_view start = rest;
  const char quote = rest[0];
  std::string text;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == quote) {
      rest.remove_prefix(i + 1);
      return text;
    }
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      ++i;
      text += rest[i] == 'n' ? '\n' : rest[i] == 't' ? '\t' : rest[i];
    } else {
      text += rest[i];
    }
  }
  return Wrong(start, "a quote is not closed");
}

Nodes Members(const Nodes& nodes, std::string_view key) {
  Nodes found;
  for (const Node* node : nodes) {
    if (const Node* member = node->Find(key)) found.push_back(member);
  }
  return found;
}

Nodes Children(const Nodes& nodes) {
  Nodes found;
  for (const Node* node : nodes) {
    for (const Node& item : node->items) found.push_back(&item);
    for (const Member& member : node->members) found.push_back(&member.value);
  }
  return found;
}

Nodes Elements(const Nodes& nodes, int64_t index) {
  Nodes found;
  for (const Node* node : nodes) {
    const int64_t size = static_cast<int64_t>(node->items.size());
    const int64_t at = index < 0 ? size + index : index;
    if (at >= 0 && at < size) found.push_back(&node->items[static_cast<size_t>(at)]);
  }
  return found;
}

absl::StatusOr<Nodes> Walk(std::string_view path, Nodes nodes);

// ?(@.a.b=="c"), ?(@.a!="b") or ?(@.a)
absl::StatusOr<Nodes> Filter(std::string_view expression, const Nodes& nodes) {
  const std::string_view whole = expression;
  if (!expression.starts_with("?(@") || !expression.ends_with(')'))
    return Wrong(whole, "a filter is [?(@.field==\"text\")]");
  expression = expression.substr(3, expression.size() - 4);
  size_t at = expression.find("==");
  const bool equal = at != expression.npos;
  if (!equal) at = expression.find("!=");
  const std::string_view path(absl::StripAsciiWhitespace(ToAbsl(expression.substr(0, at))).data(),
                              absl::StripAsciiWhitespace(ToAbsl(expression.substr(0, at))).size());
  std::string wanted;
  if (at != expression.npos) {
    std::string_view right = ToStd(absl::StripAsciiWhitespace(ToAbsl(expression.substr(at + 2))));
    if (!right.empty() && (right[0] == '"' || right[0] == '\'')) {
      PERIGEE_ASSIGN_OR_RETURN(wanted, TakeQuoted(right));
    } else {
      wanted = std::string(right);
    }
  }
  Nodes found;
  for (const Node* node : Children(nodes)) {
    PERIGEE_ASSIGN_OR_RETURN(const Nodes values, Walk(path, {node}));
    const std::string text = values.empty() ? "" : TextOf(*values[0]);
    const bool holds = at == expression.npos ? !values.empty() : (text == wanted) == equal;
    if (holds) found.push_back(node);
  }
  return found;
}

// What stands between [ and ], at the start of `rest`, which moves behind it.
absl::StatusOr<Nodes> Bracket(std::string_view& rest, const Nodes& nodes) {
  const std::string_view start = rest;
  rest.remove_prefix(1);
  if (!rest.empty() && (rest[0] == '\'' || rest[0] == '"')) {
    PERIGEE_ASSIGN_OR_RETURN(const std::string key, TakeQuoted(rest));
    if (!rest.starts_with(']')) return Wrong(start, "a \"[\" is not closed");
    rest.remove_prefix(1);
    return Members(nodes, key);
  }
  const size_t end = rest.starts_with("?(") ? rest.find(")]") + 1 : rest.find(']');
  if (end == rest.npos || end == 0) return Wrong(start, "a \"[\" is not closed");
  const std::string_view inside = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (inside == "*") return Children(nodes);
  if (inside.starts_with('?')) return Filter(inside, nodes);
  int64_t index = 0;
  if (!absl::SimpleAtoi(ToAbsl(inside), &index)) return Wrong(start, "expected a number, * or a quoted key");
  return Elements(nodes, index);
}

absl::StatusOr<Nodes> Walk(std::string_view path, Nodes nodes) {
  const std::string_view whole = path;
  if (path.starts_with('$') || path.starts_with('@')) path.remove_prefix(1);
  while (!path.empty()) {
    if (path[0] == '[') {
      PERIGEE_ASSIGN_OR_RETURN(nodes, Bracket(path, nodes));
      continue;
    }
    if (path[0] != '.') return Wrong(whole, "a path begins with \".\"");
    path.remove_prefix(1);
    const size_t end = std::min(path.find_first_of(".["), path.size());
    const std::string_view key = path.substr(0, end);
    path.remove_prefix(end);
    if (key.empty() && path.empty()) break;  // "." alone is the object
    if (key.empty() && path[0] == '[') continue;
    if (key.empty()) return Wrong(whole, "\"..\" is not supported");
    nodes = key == "*" ? Children(nodes) : Members(nodes, key);
  }
  return nodes;
}

std::string JoinTexts(const Nodes& nodes) {
  std::string text;
  for (const Node* node : nodes) absl::StrAppend(&text, text.empty() ? "" : " ", TextOf(*node));
  return text;
}

// The end of the braces that `rest` begins with, minding quotes.
size_t ClosingBrace(std::string_view rest) {
  char quote = '\0';
  for (size_t i = 1; i < rest.size(); ++i) {
    if (quote != '\0') {
      if (rest[i] == '\\')
        ++i;
      else if (rest[i] == quote)
        quote = '\0';
    } else if (rest[i] == '"' || rest[i] == '\'') {
      quote = rest[i];
    } else if (rest[i] == '}') {
      return i;
    }
  }
  return rest.npos;
}

class Evaluator {
 public:
  absl::StatusOr<std::string> Run(std::string_view text, const Node& root) {
    std::string out;
    std::string_view rest = text;
    PERIGEE_RETURN_IF_ERROR(Block(rest, root, 0, &out));
    if (!rest.empty()) return Wrong(rest, "{end} without {range}");
    return out;
  }

 private:
  // Until {end} or the end of the text; `rest` moves behind what was read. `out` may be null: only skip.
  absl::Status Block(std::string_view& rest, const Node& current, int depth, std::string* out) {
    while (!rest.empty()) {
      const size_t open = std::min(rest.find('{'), rest.size());
      if (out != nullptr) out->append(rest.substr(0, open));
      rest.remove_prefix(open);
      if (rest.empty()) break;
      const size_t close = ClosingBrace(rest);
      if (close == rest.npos) return Wrong(rest, "a \"{\" is not closed");
      std::string_view inside = ToStd(absl::StripAsciiWhitespace(ToAbsl(rest.substr(1, close - 1))));
      if (inside == "end")
        return depth == 0 ? absl::OkStatus() : (rest.remove_prefix(close + 1), absl::OkStatus());
      rest.remove_prefix(close + 1);
      if (inside.starts_with("range ")) {
        PERIGEE_RETURN_IF_ERROR(Range(inside.substr(6), rest, current, depth, out));
      } else if (out != nullptr) {
        PERIGEE_RETURN_IF_ERROR(Piece(inside, current, out));
      }
    }
    return depth == 0 ? absl::OkStatus() : Wrong("{range", "a range has no {end}");
  }

  absl::Status Range(std::string_view path, std::string_view& rest, const Node& current, int depth,
                     std::string* out) {
    if (depth == kRangeDepth) return Wrong(path, "ranges are nested too deep");
    Nodes nodes;
    if (out != nullptr) {
      PERIGEE_ASSIGN_OR_RETURN(nodes, Walk(ToStd(absl::StripAsciiWhitespace(ToAbsl(path))), {&current}));
    }
    std::string_view after = rest;
    PERIGEE_RETURN_IF_ERROR(Block(after, current, depth + 1, nullptr));
    for (const Node* node : nodes) {
      std::string_view body = rest;
      PERIGEE_RETURN_IF_ERROR(Block(body, *node, depth + 1, out));
    }
    rest = after;
    return absl::OkStatus();
  }

  absl::Status Piece(std::string_view inside, const Node& current, std::string* out) {
    if (!inside.empty() && (inside[0] == '"' || inside[0] == '\'')) {
      PERIGEE_ASSIGN_OR_RETURN(const std::string text, TakeQuoted(inside));
      out->append(text);
      return absl::OkStatus();
    }
    PERIGEE_ASSIGN_OR_RETURN(const Nodes nodes, Walk(inside, {&current}));
    out->append(JoinTexts(nodes));
    return absl::OkStatus();
  }
};

}  // namespace

absl::StatusOr<std::string> EvaluateJsonPath(std::string_view path_template, const Node& root) {
  if (path_template.empty()) return Wrong("", "the template is empty");
  if (path_template.size() > kTemplateLength) return Wrong(path_template, "the template is too long");
  if (path_template.find('{') == path_template.npos) {
    PERIGEE_ASSIGN_OR_RETURN(const Nodes nodes, Walk(path_template, {&root}));
    return JoinTexts(nodes);
  }
  return Evaluator().Run(path_template, root);
}

}  // namespace perigee::control
