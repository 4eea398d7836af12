// Messages as trees, driven by their descriptors.
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "shared/resource/node.h"
#include "shared/resource/registry.h"
#include "shared/resource/schema.h"

namespace perigee {
namespace {

using google::protobuf::Message;
using google::protobuf::Reflection;

Node MessageNode(const Message& message);

Node TimestampNode(const Message& message) {
  const auto& stamp = static_cast<const google::protobuf::Timestamp&>(message);
  const absl::Time time = absl::FromUnixSeconds(stamp.seconds()) + absl::Nanoseconds(stamp.nanos());
  return Node::Quoted(absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone()));
}

std::string FormatDouble(double value) {
  std::string text = absl::StrFormat("%.15g", value);
  double back = 0;
  if (!absl::SimpleAtod(text, &back) || back != value) text = absl::StrFormat("%.17g", value);
  return text;
}

// Text of one value that is not a message; `index` for repeated fields, else -1.
Node ScalarNode(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* r = message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = one ? r->GetString(message, field) : r->GetRepeatedString(message, field, index);
      if (field->type() == FieldDescriptor::TYPE_BYTES) text = absl::Base64Escape(text);
      return Node::Quoted(std::move(text));
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      return Node::Plain(
          (one ? r->GetBool(message, field) : r->GetRepeatedBool(message, field, index)) ? "true" : "false");
    case FieldDescriptor::CPPTYPE_INT32:
      return Node::Plain(
          absl::StrCat(one ? r->GetInt32(message, field) : r->GetRepeatedInt32(message, field, index)));
    case FieldDescriptor::CPPTYPE_INT64:
      return Node::Plain(
          absl::StrCat(one ? r->GetInt64(message, field) : r->GetRepeatedInt64(message, field, index)));
    case FieldDescriptor::CPPTYPE_UINT32:
      return Node::Plain(
          absl::StrCat(one ? r->GetUInt32(message, field) : r->GetRepeatedUInt32(message, field, index)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return Node::Plain(
          absl::StrCat(one ? r->GetUInt64(message, field) : r->GetRepeatedUInt64(message, field, index)));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Node::Plain(
          FormatDouble(one ? r->GetDouble(message, field) : r->GetRepeatedDouble(message, field, index)));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Node::Plain(
          FormatDouble(one ? r->GetFloat(message, field) : r->GetRepeatedFloat(message, field, index)));
    case FieldDescriptor::CPPTYPE_ENUM:
      return Node::Quoted(
          (one ? r->GetEnum(message, field) : r->GetRepeatedEnum(message, field, index))->name());
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return Node();
}

Node MapNode(const Message& message, const FieldDescriptor* field) {
  std::map<std::string, const Message*> sorted;
  const Reflection* reflection = message.GetReflection();
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    const Message& entry = reflection->GetRepeatedMessage(message, field, i);
    sorted[ScalarNode(entry, field->message_type()->map_key(), -1).text] = &entry;
  }
  const FieldDescriptor* value = field->message_type()->map_value();
  Node node = Node::Map();
  for (const auto& [key, entry] : sorted) {
    node.Add(key, value->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE
                      ? MessageNode(entry->GetReflection()->GetMessage(*entry, value))
                      : ScalarNode(*entry, value, -1));
  }
  return node;
}

Node FieldNode(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (field->is_map()) return MapNode(message, field);
  if (!field->is_repeated()) {
    return is_message ? MessageNode(reflection->GetMessage(message, field)) : ScalarNode(message, field, -1);
  }
  Node node = Node::List();
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    node.items.push_back(is_message ? MessageNode(reflection->GetRepeatedMessage(message, field, i))
                                    : ScalarNode(message, field, i));
  }
  return node;
}

// `port: http` for a message that says no more than that.
const FieldDescriptor* ShortForm(const Message& message) {
  const FieldDescriptor* only = nullptr;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (!IsSet(message, field)) continue;
    if (only != nullptr) return nullptr;
    only = field;
  }
  const bool has_form = only != nullptr && (only == ScalarStringField(message.GetDescriptor()) ||
                                            only == ScalarIntField(message.GetDescriptor()));
  return has_form ? only : nullptr;
}

Node MessageNode(const Message& message) {
  if (message.GetDescriptor() == google::protobuf::Timestamp::descriptor()) return TimestampNode(message);
  if (const FieldDescriptor* field = ShortForm(message)) return ScalarNode(message, field, -1);
  Node node = Node::Map();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (IsSecret(field) || !IsSet(message, field)) continue;
    node.Add(field->json_name(), FieldNode(message, field));
  }
  return node;
}

// Counts of a status are worth reading when they are zero too.
Node StatusNode(const Message& status) {
  Node node = Node::Map();
  for (int i = 0; i < status.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = status.GetDescriptor()->field(i);
    const bool count = field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 && !field->is_repeated();
    if (IsSecret(field) || (!count && !IsSet(status, field))) continue;
    node.Add(field->json_name(), FieldNode(status, field));
  }
  return node;
}

bool IsKind(const Message& message) {
  for (const KindInfo& info : Kinds()) {
    if (info.field->message_type() == message.GetDescriptor()) return true;
  }
  return false;
}

}  // namespace

Node ToNode(const Message& message) {
  if (!IsKind(message)) return MessageNode(message);
  Node node = Node::Map();
  node.Add("apiVersion", Node::Quoted(std::string(kApiVersion)));
  node.Add("kind", Node::Quoted(KindOf(message).kind));
  const auto* descriptor = message.GetDescriptor();
  const FieldDescriptor* status = descriptor->FindFieldByName("status");
  const auto add = [&](const FieldDescriptor* field) {
    if (field != nullptr && !IsSecret(field) && IsSet(message, field)) {
      node.Add(field->json_name(), FieldNode(message, field));
    }
  };
  for (int i = 0; i < descriptor->field_count(); ++i) {
    if (descriptor->field(i) != status) add(descriptor->field(i));
  }
  if (status != nullptr && IsSet(message, status)) {
    node.Add("status", StatusNode(message.GetReflection()->GetMessage(message, status)));
  }
  return node;
}

}  // namespace perigee
