#include "shared/resource/text.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "shared/resource/node.h"

namespace perigee {

std::string ToYaml(const google::protobuf::Message& object) {
  return NodeToYaml(ToNode(object));
}

std::string ToJson(const google::protobuf::Message& object) {
  return NodeToJson(ToNode(object));
}

std::string CanonicalBytes(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializePartialToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace perigee
