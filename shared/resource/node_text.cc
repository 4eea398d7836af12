// Trees as text: the YAML and JSON that cloudctl prints.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "shared/base/string_views.h"
#include "shared/base/utf8.h"
#include "shared/resource/node.h"
#include "shared/resource/scalars.h"

namespace perigee {
namespace {

bool NeedsEscapes(std::string_view text, bool lines_allowed) {
  while (!text.empty()) {
    const auto point = FirstCodePoint(text);
    if (!point || IsBidiOrInvisible(point->value)) return true;
    const bool line = point->value == '\n' || point->value == '\t';
    if (IsControl(point->value) && !(line && lines_allowed)) return true;
    text.remove_prefix(point->length);
  }
  return false;
}

// Whether every reader of YAML takes the text as a text without quotes.
bool IsSafePlain(std::string_view text) {
  if (ClassifyPlain(text) != PlainType::kText) return false;
  if (!absl::ascii_isalnum(static_cast<unsigned char>(text[0])) && text[0] != '/' && text[0] != '_')
    return false;
  if (text.back() == ' ' || text.back() == ':') return false;
  // Base-60 numbers and dates of YAML 1.1.
  const bool numeric = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isdigit(c) || c == ':' || c == '-' || c == '.' || c == '_' || c == 'T' || c == 'Z';
  });
  if (numeric || text.find(": ") != text.npos || text.find(" #") != text.npos) return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || std::string_view(" _./-+=@$%:;()~").find(c) != std::string_view::npos;
  });
}

// Whether a literal block scalar (`|`) says exactly this.
bool IsSafeBlock(std::string_view text) {
  if (text.find('\n') == text.npos || text.ends_with("\n\n") || text == "\n") return false;
  if (text[0] == ' ' || text[0] == '\n' || text[0] == '\t' || text.back() == ' ' || text.back() == '\t')
    return false;
  if (text.find(" \n") != text.npos || text.find("\t\n") != text.npos) return false;
  return !NeedsEscapes(text, /*lines_allowed=*/true);
}

std::string Block(std::string_view text, size_t indent) {
  std::string out = text.ends_with('\n') ? "|" : "|-";
  if (text.ends_with('\n')) text.remove_suffix(1);
  while (true) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    absl::StrAppend(&out, "\n", line.empty() ? "" : std::string(indent, ' '), ToAbsl(line));
    if (end == text.npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::string YamlText(std::string_view text, size_t indent) {
  if (!text.empty() && IsSafePlain(text)) return std::string(text);
  if (IsSafeBlock(text)) return Block(text, indent);
  return QuoteText(text);
}

std::string YamlScalar(const Node& node, size_t indent) {
  switch (node.type) {
    case Node::Type::kNull:
      return "null";
    case Node::Type::kPlain:
      return node.text;
    case Node::Type::kQuoted:
      return YamlText(node.text, indent);
    case Node::Type::kList:
      return "[]";
    case Node::Type::kMap:
      return "{}";
  }
  return "null";
}

bool HasChildren(const Node& node) {
  return !node.items.empty() || !node.members.empty();
}

// Writes a list or map whose lines begin at `indent`; the first one is already indented.
void WriteYaml(const Node& node, size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  bool first = true;
  for (const Member& member : node.members) {
    if (!first) out += margin;
    first = false;
    out += IsSafePlain(member.key) ? member.key : QuoteText(member.key);
    out += ':';
    if (!HasChildren(member.value)) {
      absl::StrAppend(&out, " ", YamlScalar(member.value, indent + 2), "\n");
      continue;
    }
    // A list stands below its key, not further in, as people write it.
    const size_t inner = member.value.type == Node::Type::kList ? indent : indent + 2;
    absl::StrAppend(&out, "\n", std::string(inner, ' '));
    WriteYaml(member.value, inner, out);
  }
  for (const Node& item : node.items) {
    if (!first) out += margin;
    first = false;
    out += "- ";
    if (HasChildren(item)) {
      WriteYaml(item, indent + 2, out);
    } else {
      absl::StrAppend(&out, YamlScalar(item, indent + 2), "\n");
    }
  }
}

void WriteJson(const Node& node, size_t indent, std::string& out) {
  if (!HasChildren(node)) {
    out += node.type == Node::Type::kQuoted ? QuoteText(node.text) : YamlScalar(node, 0);
    return;
  }
  const bool map = node.type == Node::Type::kMap;
  const std::string margin(indent + 2, ' ');
  bool first = true;
  out += map ? "{" : "[";
  const auto begin = [&] {
    absl::StrAppend(&out, first ? "\n" : ",\n", margin);
    first = false;
  };
  for (const Member& member : node.members) {
    begin();
    absl::StrAppend(&out, QuoteText(member.key), ": ");
    WriteJson(member.value, indent + 2, out);
  }
  for (const Node& item : node.items) {
    begin();
    WriteJson(item, indent + 2, out);
  }
  absl::StrAppend(&out, "\n", std::string(indent, ' '), map ? "}" : "]");
}

}  // namespace

const Node* Node::Find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

Node Node::Plain(std::string text) {
  Node node;
  node.type = Type::kPlain;
  node.text = std::move(text);
  return node;
}

Node Node::Quoted(std::string text) {
  Node node;
  node.type = Type::kQuoted;
  node.text = std::move(text);
  return node;
}

Node Node::List() {
  Node node;
  node.type = Type::kList;
  return node;
}

Node Node::Map() {
  Node node;
  node.type = Type::kMap;
  return node;
}

Node& Node::Add(std::string key, Node value) {
  members.push_back({std::move(key), 0, 0, std::move(value)});
  return members.back().value;
}

std::string NodeToYaml(const Node& node) {
  if (!HasChildren(node)) return YamlScalar(node, 2) + "\n";
  std::string out;
  WriteYaml(node, 0, out);
  return out;
}

std::string NodeToJson(const Node& node) {
  std::string out;
  WriteJson(node, 0, out);
  return out + "\n";
}

}  // namespace perigee
