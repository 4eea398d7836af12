// The strict reader, from any text: never a crash; what it accepts can be defaulted, validated, printed and read again.
#include "shared/resource/manifest.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "shared/resource/defaults.h"
#include "shared/resource/registry.h"
#include "shared/resource/text.h"
#include "shared/resource/validate.h"

using namespace perigee;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::RepeatedPtrField<v1::Manifest> manifests;
  v1::Manifest* manifest = manifests.Add();
  manifest->set_file_name("fuzz.yaml");
  manifest->set_content(std::string(reinterpret_cast<const char*>(data), size));
  ParsedManifests parsed = ParseManifests(manifests, "default");
  for (ParsedObject& parsed_object : parsed.objects) {
    const KindInfo& kind = KindOf(ObjectOf(parsed_object.resource));
    google::protobuf::Message& object = MutableObject(parsed_object.resource, kind);
    ApplyDefaults(object);
    ValidateObject(object);
    ToYaml(object);
    ToJson(object);
  }
  return 0;
}
