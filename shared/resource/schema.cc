#include "shared/resource/schema.h"

#include "absl/strings/str_split.h"

namespace perigee {

std::vector<std::string> WordsOf(const FieldDescriptor* field) {
  return absl::StrSplit(field->options().GetExtension(v1::words), ',', absl::SkipEmpty());
}

std::vector<std::string> NotYetWordsOf(const FieldDescriptor* field) {
  return absl::StrSplit(field->options().GetExtension(v1::not_yet_words), ',', absl::SkipEmpty());
}

std::string_view FormatOf(const FieldDescriptor* field) {
  const std::string& format = field->options().GetExtension(v1::format);
  // A map of quantities; `cpu: 1` is what everybody writes.
  if (format.empty() && field->full_name() == "perigee.v1.WorkloadTask.resources") return "quantity";
  return format;
}

bool TakesPlainScalar(const FieldDescriptor* field) {
  return field->options().GetExtension(v1::plain_scalar) ||
         (field->is_map() && FormatOf(field) == "quantity");
}

const FieldDescriptor* ScalarStringField(const google::protobuf::Descriptor* message) {
  const std::string& name = message->options().GetExtension(v1::scalar_string);
  return name.empty() ? nullptr : message->FindFieldByName(name);
}

const FieldDescriptor* ScalarIntField(const google::protobuf::Descriptor* message) {
  const std::string& name = message->options().GetExtension(v1::scalar_int);
  return name.empty() ? nullptr : message->FindFieldByName(name);
}

bool IsSet(const google::protobuf::Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  // Without presence, HasField of a scalar tells whether it differs from zero.
  return field->is_repeated() ? reflection->FieldSize(message, field) > 0
                              : reflection->HasField(message, field);
}

}  // namespace perigee
