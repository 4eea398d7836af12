// Records of shim and launcher: what is accepted is exactly what would be written.
#include "shared/base/record.h"
#include "shared/base/status.h"

using namespace perigee;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (auto record = DecodeRecord(bytes); record.ok()) PERIGEE_ASSERT(EncodeRecord(*record) == bytes);
  if (auto list = DecodeList(bytes); list.ok()) PERIGEE_ASSERT(EncodeList(*list) == bytes);
  return 0;
}
