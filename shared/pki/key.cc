#include "shared/pki/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/pki/openssl.h"

namespace perigee {
namespace {

constexpr char kP256[] = "prime256v1";
constexpr int kRsaBits = 3072;

const unsigned char* Raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::shared_ptr<EVP_PKEY> Share(EVP_PKEY* key) {
  return std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
}

bool IsP256(const EVP_PKEY* key) {
  char group[32] = {};
  size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") &&
         EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &size) == 1 &&
         std::string_view(group, size) == kP256;
}

absl::Status CheckKind(const EVP_PKEY* key) {
  if (IsP256(key) || (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= kRsaBits))
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      "this kind of key is not taken: use EC P-256, or RSA of 3072 bits or more");
}

// Never asks the terminal for a passphrase.
int NoPassphrase(char*, int, int, void*) {
  return 0;
}

}  // namespace

absl::StatusOr<PublicKey> PublicKey::FromDer(std::string_view subject_public_key_info) {
  const unsigned char* position = Raw(subject_public_key_info);
  const unsigned char* const end = position + subject_public_key_info.size();
  auto key = Share(d2i_PUBKEY(nullptr, &position, static_cast<long>(subject_public_key_info.size())));
  if (key == nullptr || position != end) {
    return openssl::Error(absl::StatusCode::kInvalidArgument, "not a public key");
  }
  PERIGEE_RETURN_IF_ERROR(CheckKind(key.get()));
  return PublicKey(std::move(key));
}

std::string PublicKey::ToDer() const {
  return openssl::ToDer<EVP_PKEY>(key_.get(), i2d_PUBKEY);
}

std::string PublicKey::Fingerprint() const {
  return Sha256(ToDer());
}

bool PublicKey::IsEcP256() const {
  return IsP256(key_.get());
}

absl::Status PublicKey::Verify(std::string_view bytes, std::string_view signature) const {
  const openssl::OwnedDigest digest(EVP_MD_CTX_new());
  const bool verified =
      EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(digest.get(), Raw(signature), signature.size(), Raw(bytes), bytes.size()) == 1;
  if (verified) return absl::OkStatus();
  return openssl::Error(absl::StatusCode::kUnauthenticated, "the signature does not match");
}

bool PublicKey::operator==(const PublicKey& other) const {
  return EVP_PKEY_eq(key_.get(), other.key_.get()) == 1;
}

absl::StatusOr<PrivateKey> PrivateKey::GenerateEcP256() {
  auto key = Share(EVP_EC_gen(kP256));
  if (key == nullptr) return openssl::Error(absl::StatusCode::kInternal, "making a key");
  return PrivateKey(std::move(key));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  if (pem.size() > limits::kConfigBytes) return absl::InvalidArgumentError("too large for a private key");
  auto key = Share(PEM_read_bio_PrivateKey(openssl::Reader(pem).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return openssl::Error(absl::StatusCode::kInvalidArgument, "not a private key (PEM, not encrypted)");
  }
  PERIGEE_RETURN_IF_ERROR(CheckKind(key.get()));
  return PrivateKey(std::move(key));
}

absl::StatusOr<PrivateKey> PrivateKey::Load(const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path, limits::kConfigBytes));
  auto key = FromPem(pem);
  if (!key.ok()) return Annotate(key.status(), absl::StrCat("reading the key in ", path));
  return key;
}

absl::Status PrivateKey::Save(const std::string& path) const {
  return WriteFileAtomically(path, ToPem(), 0600);
}

std::string PrivateKey::ToPem() const {
  const openssl::OwnedBio out = openssl::Writer();
  PERIGEE_ASSERT(
      PEM_write_bio_PKCS8PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return openssl::Written(out.get());
}

PublicKey PrivateKey::Public() const {
  // By way of its encoding, so that no public key carries the private one along.
  const std::string der = openssl::ToDer<EVP_PKEY>(key_.get(), i2d_PUBKEY);
  auto key = PublicKey::FromDer(der);
  PERIGEE_ASSERT(key.ok());
  return *std::move(key);
}

absl::StatusOr<std::string> PrivateKey::Sign(std::string_view bytes) const {
  const openssl::OwnedDigest digest(EVP_MD_CTX_new());
  size_t size = 0;
  if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(digest.get(), nullptr, &size, Raw(bytes), bytes.size()) != 1) {
    return openssl::Error(absl::StatusCode::kInternal, "signing");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Raw(bytes),
                     bytes.size()) != 1) {
    return openssl::Error(absl::StatusCode::kInternal, "signing");
  }
  signature.resize(size);
  return signature;
}

}  // namespace perigee
