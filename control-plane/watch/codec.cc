#include "control-plane/watch/codec.h"

#include "shared/base/status.h"
#include "shared/resource/registry.h"
#include "shared/resource/text.h"

namespace perigee::control {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const FieldDescriptor* MessageField(const Message& object, const char* name) {
  const FieldDescriptor* field = object.GetDescriptor()->FindFieldByName(name);
  const bool usable =
      field != nullptr && !field->is_repeated() && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  return usable ? field : nullptr;
}

const Message* Part(const Message& object, const char* name) {
  const FieldDescriptor* field = MessageField(object, name);
  return field == nullptr ? nullptr : &object.GetReflection()->GetMessage(object, field);
}

}  // namespace

std::string EncodeIntent(const Message& object) {
  std::unique_ptr<Message> copy(object.New());
  copy->CopyFrom(object);
  MutableMeta(*copy).clear_revision();
  if (const FieldDescriptor* status = MessageField(*copy, "status"))
    copy->GetReflection()->ClearField(copy.get(), status);
  return CanonicalBytes(*copy);
}

absl::StatusOr<std::unique_ptr<Message>> DecodeIntent(std::string_view kind, std::string_view value,
                                                      int64_t revision) {
  const KindInfo* info = FindKind(kind);
  if (info == nullptr)
    return absl::DataLossError(absl::StrCat("the store holds an object of an unknown kind ", ToAbsl(kind)));
  std::unique_ptr<Message> object = NewObject(*info);
  if (!object->ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return absl::DataLossError(
        absl::StrCat("the store holds a ", ToAbsl(kind), " that cannot be read: restore a backup"));
  }
  MutableMeta(*object).set_revision(revision);
  return object;
}

const Message* StatusOf(const Message& object) {
  return Part(object, "status");
}

bool HasStatus(const Message& object) {
  const FieldDescriptor* status = MessageField(object, "status");
  return status != nullptr && object.GetReflection()->HasField(object, status);
}

std::string EncodeStatus(const Message& object) {
  const Message* status = StatusOf(object);
  return status == nullptr ? std::string() : CanonicalBytes(*status);
}

absl::Status MergeStatus(std::string_view status_value, Message& object) {
  const FieldDescriptor* field = MessageField(object, "status");
  if (field == nullptr) return absl::OkStatus();
  object.GetReflection()->ClearField(&object, field);
  if (status_value.empty()) return absl::OkStatus();
  Message* status = object.GetReflection()->MutableMessage(&object, field);
  if (status->ParseFromArray(status_value.data(), static_cast<int>(status_value.size())))
    return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the store holds a status of ", KindOf(object).kind, " ",
                                          MetaOf(object).name(), " that cannot be read: restore a backup"));
}

const Message* SpecOf(const Message& object) {
  return Part(object, "spec");
}

}  // namespace perigee::control
