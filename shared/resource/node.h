// A tree of YAML or JSON with the place of every node: what the strict reader
// makes of text, and what objects become before they are printed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"

namespace perigee {

struct Member;

struct Node {
  enum class Type { kNull, kPlain, kQuoted, kList, kMap };
  Type type = Type::kNull;
  std::string text;             // kPlain: a number, true, false or an unquoted text; kQuoted: a text
  std::vector<Node> items;      // kList
  std::vector<Member> members;  // kMap, in the order of the source, keys unique
  int line = 0;                 // from 1; 0 when not read from text
  int column = 0;

  bool is_scalar() const { return type == Type::kPlain || type == Type::kQuoted; }
  const Node* Find(std::string_view key) const;  // null when it is not there

  static Node Plain(std::string text);
  static Node Quoted(std::string text);
  static Node List();
  static Node Map();
  Node& Add(std::string key, Node value);  // kMap; returns the value
};

struct Member {
  std::string key;
  int line = 0;
  int column = 0;
  Node value;
};

// An object as it is written down: apiVersion, kind, metadata, spec, operations,
// status. Fields marked secret are left out. Other messages: their fields.
Node ToNode(const google::protobuf::Message& message);
std::string NodeToYaml(const Node& node);
std::string NodeToJson(const Node& node);  // indented by two spaces

}  // namespace perigee
