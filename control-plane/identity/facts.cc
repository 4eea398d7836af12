#include "control-plane/identity/facts.h"

#include <algorithm>
#include <cstdint>

#include "shared/base/limits.h"
#include "shared/resource/quantity.h"
#include "shared/resource/validate.h"

namespace perigee::control {
namespace {

constexpr size_t kFactLength = 256;
constexpr size_t kAddressLength = 253;
constexpr int kFactFeatures = 64;
constexpr int kFactPrograms = 256;
constexpr int kFactCapacities = 64;

struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;  // bytes; 0: not UTF-8
};

CodePoint Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 && first <= 0xF4 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4 || text.size() < length) return {};
  uint32_t value = first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  const uint32_t smallest = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
  if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, length};
}

// What could move a cursor, reverse a line, or hide: C0, C1, and the format
// characters of Unicode (general category Cf, and the line separators).
bool IsHarmful(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x61C || c == 0x180E ||
         (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F);
}

std::string SanitizeAddress(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == ':' || c == '-' || c == '%';
  });
  return plain && text.size() <= kAddressLength ? std::string(text) : std::string();
}

}  // namespace

std::string SanitizeText(std::string_view text, size_t limit) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const CodePoint next = Decode(text.substr(at));
    if (next.length == 0) {  // a stray byte
      ++at;
      continue;
    }
    if (!IsHarmful(next.value)) {
      if (result.size() + next.length > limit) break;
      result.append(text.substr(at, next.length));
    }
    at += next.length;
  }
  return result;
}

v1::SatelliteFacts SanitizeFacts(const v1::SatelliteFacts& facts) {
  v1::SatelliteFacts result;
  result.set_hostname(SanitizeText(facts.hostname(), kFactLength));
  result.set_platform(SanitizeText(facts.platform(), limits::kLabelValueLength));
  result.set_os(SanitizeText(facts.os(), kFactLength));
  result.set_agent_version(SanitizeText(facts.agent_version(), limits::kLabelValueLength));
  result.set_boot_id(SanitizeText(facts.boot_id(), limits::kLabelValueLength));
  result.set_address(SanitizeAddress(facts.address()));
  for (const std::string& feature : facts.features()) {
    if (result.features_size() == kFactFeatures) break;
    result.add_features(SanitizeText(feature, limits::kLabelValueLength));
  }
  for (const std::string& program : facts.programs()) {
    if (result.programs_size() == kFactPrograms) break;
    result.add_programs(SanitizeText(program, kFactLength));
  }
  // Sorted first: which ones stay must not depend on the order of a hash table.
  const std::map<std::string, std::string> capacity(facts.capacity().begin(), facts.capacity().end());
  for (const auto& [key, quantity] : capacity) {
    if (result.capacity_size() == kFactCapacities) break;
    if (!ValidateLabelKey(key).ok() || !ParseQuantity(quantity).ok()) continue;
    (*result.mutable_capacity())[key] = quantity;
  }
  return result;
}

}  // namespace perigee::control
