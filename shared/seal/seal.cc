#include "shared/seal/seal.h"

#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/pki/certificate.h"
#include "shared/pki/openssl.h"

namespace perigee {
namespace {

// What a sealed Config or Secret may take: its text and the wrapping.
constexpr uint64_t kSealedBytes = limits::kConfigBytes + (16 << 10);

absl::Status Failed() {
  return openssl::Error(absl::StatusCode::kInternal, "sealing");
}

// One recipient, whose key agreement derives with SHA-256 (OpenSSL's default is SHA-1) and wraps with AES-256.
absl::Status AddRecipient(CMS_ContentInfo* cms, const Certificate& certificate) {
  CMS_RecipientInfo* const recipient =
      CMS_add1_recipient_cert(cms, certificate.get(), CMS_KEY_PARAM | CMS_USE_KEYID);
  if (recipient == nullptr) return Failed();
  EVP_PKEY_CTX* const context = CMS_RecipientInfo_get0_pkey_ctx(recipient);
  EVP_CIPHER_CTX* const wrap = CMS_RecipientInfo_kari_get0_ctx(recipient);
  if (context == nullptr || wrap == nullptr || EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) != 1 ||
      EVP_EncryptInit_ex(wrap, EVP_aes_256_wrap(), nullptr, nullptr, nullptr) != 1) {
    return Failed();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> Seal(std::string_view certificate_der, std::string_view plaintext) {
  PERIGEE_ASSIGN_OR_RETURN(const Certificate certificate, Certificate::FromDer(certificate_der));
  if (!certificate.Key().IsEcP256()) {
    return absl::InvalidArgumentError("a sealing certificate must have an EC P-256 key");
  }
  if (plaintext.size() > limits::kConfigBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("too large to seal: the limit is ", limits::kConfigBytes, " bytes"));
  }
  const openssl::OwnedCms cms(CMS_encrypt(nullptr, nullptr, EVP_aes_256_gcm(), CMS_PARTIAL | CMS_BINARY));
  if (cms == nullptr) return Failed();
  PERIGEE_RETURN_IF_ERROR(AddRecipient(cms.get(), certificate));
  const openssl::OwnedBio reader = openssl::Reader(plaintext);
  if (CMS_final(cms.get(), reader.get(), nullptr, CMS_BINARY) != 1) return Failed();
  std::string sealed = openssl::ToDer<CMS_ContentInfo>(cms.get(), i2d_CMS_ContentInfo);
  if (sealed.empty()) return Failed();
  return sealed;
}

absl::StatusOr<std::string> Unseal(const PrivateKey& key, std::string_view certificate_der,
                                   std::string_view sealed) {
  PERIGEE_ASSIGN_OR_RETURN(const Certificate certificate, Certificate::FromDer(certificate_der));
  // One answer whatever is wrong: how it fails must not help to guess.
  const auto unreadable = [] {
    ERR_clear_error();
    return absl::DataLossError(
        "the sealed secret cannot be opened: it was changed, or sealed to another satellite");
  };
  if (sealed.size() > kSealedBytes) return unreadable();
  const auto* position = reinterpret_cast<const unsigned char*>(sealed.data());
  const unsigned char* const end = position + sealed.size();
  const openssl::OwnedCms cms(d2i_CMS_ContentInfo(nullptr, &position, static_cast<long>(sealed.size())));
  if (cms == nullptr || position != end ||
      OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_id_smime_ct_authEnvelopedData) {
    return unreadable();
  }
  const openssl::OwnedBio writer = openssl::Writer();
  if (CMS_decrypt(cms.get(), key.get(), certificate.get(), nullptr, writer.get(), CMS_BINARY) != 1) {
    return unreadable();
  }
  return openssl::Written(writer.get());
}

}  // namespace perigee
