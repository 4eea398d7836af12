// Encryption at rest. One key file (32 random bytes, 0600) in the data directory
// encrypts what must not be in the database in the clear: the content of Secrets
// and the CA's keys. Each envelope has a key of its own (AES-256-GCM), wrapped by
// the file's key, and is bound to a context, so that one envelope put in the place
// of another does not open. Thread-safe.
//
//   PERIGEE_ASSIGN_OR_RETURN(auto vault, Vault::Open(data_dir));
//   auto envelope = vault->Encrypt("key/issuing-ca", der);
//   auto der = vault->Decrypt("key/issuing-ca", *envelope);
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "shared/base/random.h"

namespace perigee::control {

class Vault {
 public:
  // Makes `data_dir`/secrets.key at first start, so it comes before the database and pki/: with one of those
  // there and no key, FAILED_PRECONDITION. Refuses a key file that others may read.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Vault>> Open(const std::string& data_dir,
                                                                   Random& random);
  // For tests: a key of this moment only.
  static std::unique_ptr<Vault> Ephemeral(Random& random);
  ~Vault();  // wipes the key
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;

  [[nodiscard]] absl::StatusOr<std::string> Encrypt(std::string_view context, std::string_view plain) const;
  // DATA_LOSS when it was changed, is of another context, or was made with another key.
  [[nodiscard]] absl::StatusOr<std::string> Decrypt(std::string_view context,
                                                    std::string_view envelope) const;

 private:
  explicit Vault(std::string key);
  std::string key_;  // constant after construction
};

}  // namespace perigee::control
