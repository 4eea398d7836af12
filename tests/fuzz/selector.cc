// Selectors, quantities and durations, from any text; what is accepted keeps its meaning through its printed form.
#include "shared/resource/selector.h"
#include "shared/base/status.h"
#include "shared/resource/quantity.h"

using namespace perigee;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto selector = ParseSelector(text); selector.ok()) {
    auto again = ParseSelector(FormatSelector(*selector));
    PERIGEE_ASSERT(again.ok());
    PERIGEE_ASSERT(FormatSelector(*again) == FormatSelector(*selector));
  }
  if (auto quantity = ParseQuantity(text); quantity.ok()) {
    PERIGEE_ASSERT(ParseQuantity(FormatQuantity(*quantity)).value() == *quantity);
  }
  if (auto duration = ParseDuration(text); duration.ok()) {
    PERIGEE_ASSERT(ParseDuration(DurationText(*duration)).value() == *duration);
  }
  return 0;
}
