// What the schema's options (proto/perigee/v1/options.proto) say about a field,
// read once for everything in this module. Private to it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "proto/perigee/v1/options.pb.h"

namespace perigee {

using google::protobuf::FieldDescriptor;

inline bool IsRequired(const FieldDescriptor* field) {
  return field->options().GetExtension(v1::required);
}
inline bool IsSecret(const FieldDescriptor* field) {
  return field->options().GetExtension(v1::secret);
}
inline bool IsOutputOnly(const FieldDescriptor* field) {
  return field->options().GetExtension(v1::output_only);
}
inline std::string_view NotYet(const FieldDescriptor* field) {
  return field->options().GetExtension(v1::not_yet);
}
inline std::string_view DefaultOf(const FieldDescriptor* field) {
  return field->options().GetExtension(v1::default_value);
}
std::vector<std::string> WordsOf(const FieldDescriptor* field);
std::vector<std::string> NotYetWordsOf(const FieldDescriptor* field);

// The format of a text field, or of the values of a map.
std::string_view FormatOf(const FieldDescriptor* field);
// Whether a number may be written without quotes.
bool TakesPlainScalar(const FieldDescriptor* field);

// The field that a bare text or number in place of the message sets; null when there is none.
const FieldDescriptor* ScalarStringField(const google::protobuf::Descriptor* message);
const FieldDescriptor* ScalarIntField(const google::protobuf::Descriptor* message);

inline bool IsTimestamp(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field->message_type()->full_name() == "google.protobuf.Timestamp";
}

// Whether the field says something: present, or not its type's zero.
bool IsSet(const google::protobuf::Message& message, const FieldDescriptor* field);

}  // namespace perigee
