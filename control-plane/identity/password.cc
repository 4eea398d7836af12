#include "control-plane/identity/password.h"

#include <argon2.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace perigee::control {
namespace {

// 19 MiB, two passes, one lane: the floor of OWASP's Password Storage Cheat Sheet,
// because logins share the machine with the cloud's work.
constexpr uint32_t kPasses = 2;
constexpr uint32_t kKibibytes = 19 * 1024;
constexpr uint32_t kLanes = 1;
constexpr size_t kSaltBytes = 16;
constexpr size_t kHashBytes = 32;

}  // namespace

absl::StatusOr<std::string> HashPassword(std::string_view password, Random& random) {
  const std::string salt = random.Bytes(kSaltBytes);
  std::string phc(argon2_encodedlen(kPasses, kKibibytes, kLanes, kSaltBytes, kHashBytes, Argon2_id), '\0');
  const int result = argon2id_hash_encoded(kPasses, kKibibytes, kLanes, password.data(), password.size(),
                                           salt.data(), salt.size(), kHashBytes, phc.data(), phc.size());
  if (result != ARGON2_OK) {
    return absl::InternalError(absl::StrCat("hashing a password: ", argon2_error_message(result)));
  }
  phc.resize(phc.find('\0'));
  return phc;
}

bool VerifyPassword(std::string_view password, const std::string& phc) {
  return argon2id_verify(phc.c_str(), password.data(), password.size()) == ARGON2_OK;
}

}  // namespace perigee::control
