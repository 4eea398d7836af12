// YAML events to a tree, strictly and within limits.
#include <algorithm>
#include <optional>
#include <sstream>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "shared/base/limits.h"
#include "shared/base/string_views.h"
#include "shared/base/utf8.h"
#include "shared/resource/field_path.h"
#include "shared/resource/manifest.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace perigee {
namespace {

// Leaves yaml-cpp's parser; caught in ReadYaml.
struct Refusal {
  int line;
  int column;
  std::string field;
  std::string message;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(int* nodes) : nodes_(nodes) {}

  std::optional<Node> TakeDocument() { return std::exchange(root_, std::nullopt); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    CheckAnchor(mark, anchor);
    Place(mark, Node());
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(mark, "aliases (*name) are not allowed; write the value again");
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    Refuse(mark, "anchors (&name) are not allowed; write the value again where it is needed");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    CheckAnchor(mark, anchor);
    CheckTag(mark, tag);
    if (value.find('\0') != std::string::npos) Refuse(mark, "the text has a character with code 0");
    Place(mark, tag == "!" ? Node::Quoted(value) : Node::Plain(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Open(mark, anchor, Node::List());
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Open(mark, anchor, Node::Map());
  }
  void OnMapEnd() override { Close(); }

 private:
  // A list or map that is being read. For maps, `key` is set between a key and its value.
  struct Level {
    Node node;
    std::optional<Member> key;
    absl::flat_hash_map<std::string, int> lines;  // of the keys so far
  };

  [[noreturn]] void Refuse(const YAML::Mark& mark, std::string message) const {
    throw Refusal{mark.line + 1, mark.column + 1, Path(), std::move(message)};
  }

  std::string Path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.node.type == Node::Type::kList) {
        path = ElementPath(path, level.node.items.size());
      } else if (level.key) {
        path = KeyPath(path, level.key->key);
      }
    }
    return path;
  }

  void CheckAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != YAML::NullAnchor)
      Refuse(mark, "anchors (&name) are not allowed; write the value again where it is needed");
  }
  void CheckTag(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    Refuse(mark, absl::StrCat("tags (", tag.substr(0, 40), ") are not allowed; types come from the schema"));
  }

  void Count(const YAML::Mark& mark) {
    if (++*nodes_ > limits::kManifestNodes) {
      Refuse(mark, absl::StrCat("more than ", limits::kManifestNodes, " values; split the manifest"));
    }
  }

  void Open(const YAML::Mark& mark, YAML::anchor_t anchor, Node node) {
    CheckAnchor(mark, anchor);
    if (WantsKey()) Refuse(mark, "a key must be a text");
    if (levels_.size() >= static_cast<size_t>(limits::kManifestDepth)) {
      Refuse(mark, absl::StrCat("nested more than ", limits::kManifestDepth, " levels deep"));
    }
    Count(mark);
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    levels_.push_back({std::move(node), std::nullopt, {}});
  }

  void Close() {
    Node node = std::move(levels_.back().node);
    levels_.pop_back();
    Attach(std::move(node));
  }

  bool WantsKey() const {
    return !levels_.empty() && levels_.back().node.type == Node::Type::kMap && !levels_.back().key;
  }

  void Place(const YAML::Mark& mark, Node node) {
    Count(mark);
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    if (WantsKey()) {
      TakeKey(mark, std::move(node));
    } else {
      Attach(std::move(node));
    }
  }

  void TakeKey(const YAML::Mark& mark, Node node) {
    if (!node.is_scalar()) Refuse(mark, "a key is empty");
    Level& level = levels_.back();
    const auto [earlier, fresh] = level.lines.emplace(node.text, node.line);
    if (!fresh) {
      const int line = earlier->second;
      level.key = Member{node.text, node.line, node.column, Node()};
      Refuse(mark, absl::StrCat("the key is given twice; the first time in line ", line));
    }
    level.key = Member{std::move(node.text), node.line, node.column, Node()};
  }

  void Attach(Node node) {
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.type == Node::Type::kList) {
      level.node.items.push_back(std::move(node));
      return;
    }
    level.key->value = std::move(node);
    level.node.members.push_back(*std::exchange(level.key, std::nullopt));
  }

  int* const nodes_;
  std::vector<Level> levels_;
  std::optional<Node> root_;
};

v1::FieldError MakeError(std::string_view file, int line, int column, std::string field,
                         std::string message) {
  v1::FieldError error;
  error.set_file(std::string(file));
  error.set_line(line);
  error.set_column(column);
  error.set_field(std::move(field));
  error.set_message(std::move(message));
  return error;
}

// Position of a byte, both from 1.
std::pair<int, int> PositionOf(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, at);
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(at - line_start) + 1};
}

std::optional<v1::FieldError> CheckCharacters(std::string_view text, std::string_view file) {
  const size_t valid = ValidUtf8Prefix(text);
  size_t bad = valid;
  std::string message = "this is not UTF-8; save the file as UTF-8";
  for (size_t i = 0; i < valid; ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F) {
      bad = i;
      message = absl::StrFormat("the control character 0x%02x is not allowed in a manifest", c);
      break;
    }
  }
  if (bad == text.size()) return std::nullopt;
  const auto [line, column] = PositionOf(text, bad);
  return MakeError(file, line, column, "", message);
}

// The value of \uXXXX at the start of `text`.
std::optional<uint32_t> EscapedUnit(std::string_view text) {
  uint32_t unit = 0;
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  if (!absl::SimpleHexAtoi(ToAbsl(text.substr(2, 4)), &unit)) return std::nullopt;
  return unit;
}

// JSON writes characters beyond U+FFFF as two \uXXXX; YAML as one \UXXXXXXXX. Only for text that is JSON,
// where a backslash is always an escape.
std::string JoinSurrogates(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const auto high = EscapedUnit(json);
    const auto low = high ? EscapedUnit(json.substr(6)) : std::nullopt;
    if (high && low && (*high & 0xFC00) == 0xD800 && (*low & 0xFC00) == 0xDC00) {
      out += absl::StrFormat("\\U%08x", 0x10000 + ((*high & 0x3FF) << 10) + (*low & 0x3FF));
      json.remove_prefix(12);
      continue;
    }
    const size_t length = json[0] == '\\' && json.size() > 1 ? 2 : 1;
    out += json.substr(0, length);
    json.remove_prefix(length);
  }
  return out;
}

bool HasSurrogates(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == text.npos || (text[start] != '{' && text[start] != '[')) return false;
  if (text.find("\\ud") == text.npos && text.find("\\uD") == text.npos) return false;
  return nlohmann::json::accept(text.begin(), text.end());
}

// Whether the line (from 0) is indented with a tab, which YAML forbids and an editor hides.
bool HasTabIndent(std::string_view text, int line) {
  for (; line > 0 && !text.empty(); --line)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return text.substr(0, text.find_first_not_of(" \t")).find('\t') != text.npos;
}

std::string PlainWords(const std::string& message) {
  if (absl::StrContains(message, "end of map flow not found")) return "a \"{\" is not closed by a \"}\"";
  if (absl::StrContains(message, "end of sequence flow not found")) return "a \"[\" is not closed by a \"]\"";
  if (absl::StrContains(message, "illegal map value")) {
    return "a value is not expected here; look for a missing quote or wrong indentation";
  }
  if (absl::StrContains(message, "end of map not found")) {
    return "the map does not end as it began; check the indentation of this line";
  }
  if (absl::StrContains(message, "end of sequence not found")) {
    return "the list does not end as it began; check the indentation of this line";
  }
  return absl::StrCat("not valid YAML: ", message);
}

}  // namespace

std::optional<v1::FieldError> CheckText(std::string_view text, std::string_view file_name) {
  if (text.size() <= limits::kManifestBytes) return CheckCharacters(text, file_name);
  return MakeError(
      file_name, 0, 0, "",
      absl::StrCat("the manifest is larger than ", limits::kManifestBytes >> 20, " MiB; split it"));
}

ReadDocuments ReadYaml(std::string_view text, std::string_view file_name) {
  ReadDocuments result;
  result.error = CheckText(text, file_name);
  if (result.error) return result;
  int nodes = 0;
  TreeBuilder builder(&nodes);
  try {
    std::istringstream stream(HasSurrogates(text) ? JoinSurrogates(text) : std::string(text));
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
      std::optional<Node> document = builder.TakeDocument();
      if (document && document->type != Node::Type::kNull) result.documents.push_back(*std::move(document));
    }
  } catch (const Refusal& refusal) {
    result.error = MakeError(file_name, refusal.line, refusal.column, refusal.field, refusal.message);
  } catch (const YAML::Exception& e) {
    const int line = std::max(e.mark.line, 0);
    result.error =
        MakeError(file_name, line + 1, std::max(e.mark.column, 0) + 1, "",
                  HasTabIndent(text, line) ? "a tab cannot indent; use spaces" : PlainWords(e.msg));
  } catch (const std::exception& e) {
    result.error = MakeError(file_name, 0, 0, "", absl::StrCat("cannot be read: ", e.what()));
  }
  return result;
}

}  // namespace perigee
