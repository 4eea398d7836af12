#include "shared/resource/message_reader.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "shared/base/string_views.h"
#include "shared/resource/field_path.h"
#include "shared/resource/scalars.h"

namespace perigee {
namespace {

using google::protobuf::Message;

std::string Found(const Node& node) {
  switch (node.type) {
    case Node::Type::kNull:
      return "nothing";
    case Node::Type::kPlain:
      return absl::StrCat(ToAbsl(PlainTypeName(ClassifyPlain(node.text))), " (", node.text.substr(0, 40),
                          ")");
    case Node::Type::kQuoted:
      return "a text in quotes";
    case Node::Type::kList:
      return "a list";
    case Node::Type::kMap:
      return "a map of fields";
  }
  return "";
}

// Sets a value, or adds it when the field is repeated.
template <typename T>
void Put(Message& message, const FieldDescriptor* field, T value) {
  const auto* r = message.GetReflection();
  if constexpr (std::is_same_v<T, std::string>) {
    field->is_repeated() ? r->AddString(&message, field, std::move(value))
                         : r->SetString(&message, field, std::move(value));
  } else if constexpr (std::is_same_v<T, double>) {
    field->is_repeated() ? r->AddDouble(&message, field, value) : r->SetDouble(&message, field, value);
  } else if constexpr (std::is_same_v<T, bool>) {
    field->is_repeated() ? r->AddBool(&message, field, value) : r->SetBool(&message, field, value);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
    field->is_repeated() ? r->AddInt32(&message, field, static_cast<int32_t>(value))
                         : r->SetInt32(&message, field, static_cast<int32_t>(value));
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
    field->is_repeated() ? r->AddInt64(&message, field, value) : r->SetInt64(&message, field, value);
  } else {
    field->is_repeated() ? r->AddUInt64(&message, field, static_cast<uint64_t>(value))
                         : r->SetUInt64(&message, field, static_cast<uint64_t>(value));
  }
}

}  // namespace

std::string NearestName(std::string_view name, const std::vector<std::string>& names) {
  const size_t limit = std::clamp<size_t>(name.size() / 3, 1, 3);
  std::string best;
  size_t best_distance = limit + 1;
  for (const std::string& candidate : names) {
    const size_t distance = EditDistance(name, candidate, limit);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

void MessageReader::FailAt(int line, int column, const std::string& path, std::string message,
                           std::string suggestion) {
  v1::FieldError error;
  error.set_file(file_);
  error.set_line(line);
  error.set_column(column);
  error.set_field(path);
  error.set_message(std::move(message));
  error.set_suggestion(std::move(suggestion));
  errors_->push_back(std::move(error));
}

void MessageReader::Fail(const Node& node, const std::string& path, std::string message,
                         std::string suggestion) {
  FailAt(node.line, node.column, path, std::move(message), std::move(suggestion));
}

void MessageReader::FailEmpty(const std::string& path, std::string message) {
  const SourceMap::Position key = source_->Find(path);
  FailAt(key.line, key.column, path, std::move(message), "");
}

void MessageReader::Read(const Node& node, Message& message, const std::string& path,
                         OutputOnly output_only) {
  output_only_ = output_only;
  if (node.type != Node::Type::kMap) {
    if (ReadShortForm(node, message, path)) return;
    Fail(node, path, absl::StrCat("expected a map of fields, found ", Found(node)));
    return;
  }
  for (const Member& member : node.members) ReadMember(member, message, path);
}

void MessageReader::ReadMember(const Member& member, Message& message, const std::string& path) {
  const auto* descriptor = message.GetDescriptor();
  const FieldDescriptor* field = nullptr;
  std::vector<std::string> names;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    if (descriptor->field(i)->json_name() == member.key) field = descriptor->field(i);
    if (!IsOutputOnly(descriptor->field(i))) names.push_back(descriptor->field(i)->json_name());
  }
  const std::string child = KeyPath(path, member.key);
  if (field == nullptr) {
    // snake_case is how the schema spells it, so people try it.
    const FieldDescriptor* snake = descriptor->FindFieldByName(member.key);
    const bool string_data = member.key == kStringData && descriptor->FindFieldByName("data") != nullptr;
    FailAt(member.line, member.column, child, string_data ? kDataHint : "no such field",
           string_data        ? "data"
           : snake != nullptr ? snake->json_name()
                              : NearestName(member.key, names));
    return;
  }
  if (IsOutputOnly(field)) {
    if (output_only_ == OutputOnly::kRefused) {
      FailAt(member.line, member.column, child, "this field is written by the system; leave it out", "");
    }
    return;
  }
  source_->Set(child, member.line, member.column);
  ReadField(member.value, message, field, child);
}

void MessageReader::ReadField(const Node& node, Message& message, const FieldDescriptor* field,
                              const std::string& path) {
  if (node.type == Node::Type::kNull) {
    FailEmpty(path, "there is no value; give one, or leave the field out");
  } else if (field->is_map()) {
    ReadMap(node, message, field, path);
  } else if (field->is_repeated()) {
    ReadList(node, message, field, path);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    Message& child = *message.GetReflection()->MutableMessage(&message, field);
    IsTimestamp(field) ? ReadTimestamp(node, child, path) : Read(node, child, path, output_only_);
  } else {
    ReadScalar(node, message, field, TakesPlainScalar(field), path);
  }
}

void MessageReader::ReadList(const Node& node, Message& message, const FieldDescriptor* field,
                             const std::string& path) {
  if (node.type != Node::Type::kList) {
    Fail(node, path, absl::StrCat("expected a list, found ", Found(node)));
    return;
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    const std::string child = ElementPath(path, i);
    source_->Set(child, item.line, item.column);
    if (item.type == Node::Type::kNull) {
      Fail(item, child, "there is no value; give one, or remove the element");
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Read(item, *message.GetReflection()->AddMessage(&message, field), child, output_only_);
    } else {
      ReadScalar(item, message, field, TakesPlainScalar(field), child);
    }
  }
}

void MessageReader::ReadMap(const Node& node, Message& message, const FieldDescriptor* field,
                            const std::string& path) {
  if (node.type != Node::Type::kMap) {
    Fail(node, path, absl::StrCat("expected a map of names to values, found ", Found(node)));
    return;
  }
  const FieldDescriptor* value = field->message_type()->map_value();
  for (const Member& member : node.members) {
    const std::string child = KeyPath(path, member.key);
    source_->Set(child, member.line, member.column);
    Message& entry = *message.GetReflection()->AddMessage(&message, field);
    entry.GetReflection()->SetString(&entry, field->message_type()->map_key(), member.key);
    if (member.value.type == Node::Type::kNull) {
      FailEmpty(child, "there is no value; write \"\" for an empty text, or remove the name");
    } else if (value->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Read(member.value, *entry.GetReflection()->MutableMessage(&entry, value), child, output_only_);
    } else {
      ReadScalar(member.value, entry, value, TakesPlainScalar(field), child);
    }
  }
}

bool MessageReader::ReadShortForm(const Node& node, Message& message, const std::string& path) {
  const FieldDescriptor* text = ScalarStringField(message.GetDescriptor());
  const FieldDescriptor* number = ScalarIntField(message.GetDescriptor());
  if (!node.is_scalar() || (text == nullptr && number == nullptr)) return false;
  const bool integer = node.type == Node::Type::kPlain && ClassifyPlain(node.text) == PlainType::kInteger;
  if (number != nullptr && integer) {
    ReadInteger(node, message, number, path);
  } else if (text != nullptr) {
    ReadText(node, message, text, TakesPlainScalar(text), path);
  } else {
    return false;
  }
  return true;
}

void MessageReader::ReadScalar(const Node& node, Message& message, const FieldDescriptor* field,
                               bool plain_taken, const std::string& path) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return ReadText(node, message, field, plain_taken, path);
    case FieldDescriptor::CPPTYPE_BOOL:
      return ReadBool(node, message, field, path);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ReadDouble(node, message, field, path);
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
      return ReadInteger(node, message, field, path);
    default:
      return Fail(node, path, "this field cannot be written in a manifest");
  }
}

void MessageReader::ReadText(const Node& node, Message& message, const FieldDescriptor* field,
                             bool plain_taken, const std::string& path) {
  if (!node.is_scalar()) return Fail(node, path, absl::StrCat("expected a text, found ", Found(node)));
  const PlainType type = node.type == Node::Type::kQuoted ? PlainType::kText : ClassifyPlain(node.text);
  const bool number = type == PlainType::kInteger || type == PlainType::kFloat;
  if (type != PlainType::kText && !(plain_taken && number)) {
    return Fail(node, path, absl::StrCat("expected a text, found ", Found(node), "; write it in quotes"),
                QuoteText(node.text));
  }
  if (field->type() != FieldDescriptor::TYPE_BYTES) return Put(message, field, node.text);
  std::string bytes;
  if (!absl::Base64Unescape(node.text, &bytes)) return Fail(node, path, "this is not base64");
  Put(message, field, std::move(bytes));
}

void MessageReader::ReadInteger(const Node& node, Message& message, const FieldDescriptor* field,
                                const std::string& path) {
  if (node.type == Node::Type::kQuoted && IsDecimalInteger(node.text)) {
    return Fail(node, path, "expected a number, found a text in quotes; remove the quotes", node.text);
  }
  if (node.type != Node::Type::kPlain)
    return Fail(node, path, absl::StrCat("expected a whole number, found ", Found(node)));
  int64_t value = 0;
  if (!IsDecimalInteger(node.text)) {
    const bool other_form = ClassifyPlain(node.text) == PlainType::kInteger;
    return Fail(node, path,
                absl::StrCat("expected a whole number, found ", Found(node),
                             other_form ? "; write it in decimal, without leading zeros" : ""));
  }
  const bool narrow = field->cpp_type() == FieldDescriptor::CPPTYPE_INT32;
  if (!absl::SimpleAtoi(node.text, &value) || (narrow && (value > INT32_MAX || value < INT32_MIN)) ||
      (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64 && value < 0)) {
    return Fail(node, path, absl::StrCat("the number ", node.text.substr(0, 40), " is out of range"));
  }
  // Without presence on the wire a zero would silently become the default.
  if (value == 0) return Fail(node, path, "0 is not possible here; give at least 1, or leave the field out");
  Put(message, field, value);
}

void MessageReader::ReadDouble(const Node& node, Message& message, const FieldDescriptor* field,
                               const std::string& path) {
  double value = 0;
  if (node.type == Node::Type::kQuoted && IsDecimalNumber(node.text)) {
    return Fail(node, path, "expected a number, found a text in quotes; remove the quotes", node.text);
  }
  if (node.type != Node::Type::kPlain || !IsDecimalNumber(node.text)) {
    return Fail(node, path, absl::StrCat("expected a number such as 52.5, found ", Found(node)));
  }
  if (!absl::SimpleAtod(node.text, &value) || value > 1e300 || value < -1e300) {
    return Fail(node, path, absl::StrCat("the number ", node.text.substr(0, 40), " is out of range"));
  }
  Put(message, field, value);
}

void MessageReader::ReadBool(const Node& node, Message& message, const FieldDescriptor* field,
                             const std::string& path) {
  if (node.type == Node::Type::kPlain && (node.text == "true" || node.text == "false")) {
    return Put(message, field, node.text == "true");
  }
  std::string suggestion;
  for (const char* word : {"true", "yes", "on"}) {
    if (absl::EqualsIgnoreCase(node.text, word)) suggestion = "true";
  }
  for (const char* word : {"false", "no", "off"}) {
    if (absl::EqualsIgnoreCase(node.text, word)) suggestion = "false";
  }
  Fail(node, path, absl::StrCat("expected true or false, found ", Found(node)), suggestion);
}

void MessageReader::ReadTimestamp(const Node& node, Message& message, const std::string& path) {
  absl::Time time;
  std::string error;
  if (!node.is_scalar() || !absl::ParseTime(absl::RFC3339_full, node.text, &time, &error)) {
    return Fail(node, path, "expected a time such as 2026-01-31T12:00:00Z");
  }
  auto& stamp = static_cast<google::protobuf::Timestamp&>(message);
  stamp.set_seconds(absl::ToUnixSeconds(time));
  stamp.set_nanos(
      static_cast<int32_t>((time - absl::FromUnixSeconds(stamp.seconds())) / absl::Nanoseconds(1)));
}

}  // namespace perigee
