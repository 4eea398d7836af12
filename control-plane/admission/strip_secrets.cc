#include "control-plane/admission/strip_secrets.h"

#include <vector>

#include "google/protobuf/descriptor.h"
#include "proto/perigee/v1/options.pb.h"

namespace perigee::control {

void StripSecrets(google::protobuf::Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->options().GetExtension(v1::secret)) {
      reflection.ClearField(&message, field);
    } else if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    } else if (!field->is_repeated()) {
      StripSecrets(*reflection.MutableMessage(&message, field));
    } else {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        StripSecrets(*reflection.MutableRepeatedMessage(&message, field, i));
      }
    }
  }
}

}  // namespace perigee::control
