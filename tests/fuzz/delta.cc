// Messages from the centre, from any bytes: nothing unsigned is ever applied.
#include "shared/session/delta.h"
#include "shared/base/status.h"

using namespace perigee;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  v1::FromControlPlane message;
  if (!message.ParseFromArray(data, static_cast<int>(size)) || !message.has_delta()) return 0;
  DeltaAssembler assembler;
  auto whole = assembler.Add(message.delta());
  if (!whole.ok() || !whole->has_value()) return 0;
  PERIGEE_ASSERT(!PlanDelta(AppliedState{}, **whole, "00000000-0000-7000-8000-000000000000", {}).ok());
  return 0;
}
