// Private and public keys. Values that share the key beneath; immutable, so thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct evp_pkey_st;

namespace perigee {

class PublicKey {
 public:
  // SubjectPublicKeyInfo, DER. Only EC P-256 and RSA of 3072 bits or more are taken.
  static absl::StatusOr<PublicKey> FromDer(std::string_view subject_public_key_info);

  std::string ToDer() const;
  std::string Fingerprint() const;  // SHA-256 of ToDer(), 32 bytes
  bool IsEcP256() const;
  // ECDSA (or RSA PKCS #1) with SHA-256 over `bytes`. UNAUTHENTICATED when it does not match.
  absl::Status Verify(std::string_view bytes, std::string_view signature) const;
  bool operator==(const PublicKey& other) const;

  explicit PublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}  // within pki and seal
  evp_pkey_st* get() const { return key_.get(); }

 private:
  std::shared_ptr<evp_pkey_st> key_;
};

// Never printed and never logged.
class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> GenerateEcP256();
  // PKCS #8 or traditional, unencrypted. Further PEM blocks around it are passed over.
  static absl::StatusOr<PrivateKey> FromPem(std::string_view pem);
  static absl::StatusOr<PrivateKey> Load(const std::string& path);
  // Atomically, mode 0600.
  absl::Status Save(const std::string& path) const;

  std::string ToPem() const;  // PKCS #8
  PublicKey Public() const;
  // ECDSA (or RSA PKCS #1) with SHA-256; an ECDSA signature is DER.
  absl::StatusOr<std::string> Sign(std::string_view bytes) const;

  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}  // within pki and seal
  evp_pkey_st* get() const { return key_.get(); }

 private:
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace perigee
