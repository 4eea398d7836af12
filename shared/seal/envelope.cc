#include "shared/seal/envelope.h"

#include <climits>

#include "shared/base/random.h"
#include "shared/base/status.h"
#include "shared/pki/openssl.h"

namespace perigee {
namespace {

constexpr std::string_view kMagic = "PGE1";
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kOverhead = kMagic.size() + kNonceBytes + kTagBytes;

const unsigned char* Raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* Raw(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

absl::Status CheckSizes(std::string_view key, std::string_view context, std::string_view text) {
  if (key.size() != kEnvelopeKeyBytes)
    return absl::InvalidArgumentError("an envelope's key must have 32 bytes");
  if (context.size() > INT_MAX / 2 || text.size() > INT_MAX / 2) {
    return absl::ResourceExhaustedError("too large for an envelope");
  }
  return absl::OkStatus();
}

// Feeds what is authenticated, then the text.
bool Crypt(EVP_CIPHER_CTX* cipher, std::string_view context, std::string_view in, std::string& out) {
  int size = 0;
  const std::string authenticated = std::string(kMagic).append(context);
  out.resize(in.size());
  return EVP_CipherUpdate(cipher, nullptr, &size, Raw(authenticated),
                          static_cast<int>(authenticated.size())) == 1 &&
         (in.empty() || EVP_CipherUpdate(cipher, Raw(out), &size, Raw(in), static_cast<int>(in.size())) == 1);
}

}  // namespace

absl::StatusOr<std::string> SealWithKey(std::string_view key, std::string_view context,
                                        std::string_view plaintext) {
  PERIGEE_RETURN_IF_ERROR(CheckSizes(key, context, plaintext));
  const std::string nonce = SystemRandom().Bytes(kNonceBytes);
  const openssl::OwnedCipher cipher(EVP_CIPHER_CTX_new());
  std::string ciphertext;
  std::string tag(kTagBytes, '\0');
  unsigned char rest[EVP_MAX_BLOCK_LENGTH];
  int size = 0;
  if (EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, Raw(key), Raw(std::string_view(nonce)),
                        1) != 1 ||
      !Crypt(cipher.get(), context, plaintext, ciphertext) ||
      EVP_CipherFinal_ex(cipher.get(), rest, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag.data()) != 1) {
    return openssl::Error(absl::StatusCode::kInternal, "encrypting");
  }
  return std::string(kMagic) + nonce + ciphertext + tag;
}

absl::StatusOr<std::string> OpenWithKey(std::string_view key, std::string_view context,
                                        std::string_view sealed) {
  PERIGEE_RETURN_IF_ERROR(CheckSizes(key, context, sealed));
  const absl::Status unreadable = absl::DataLossError(
      "the encrypted text cannot be opened: it was changed, moved, or another key is needed");
  if (sealed.size() < kOverhead || !sealed.starts_with(kMagic)) return unreadable;
  const std::string_view nonce = sealed.substr(kMagic.size(), kNonceBytes);
  const std::string_view ciphertext = sealed.substr(kMagic.size() + kNonceBytes, sealed.size() - kOverhead);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  const openssl::OwnedCipher cipher(EVP_CIPHER_CTX_new());
  std::string plaintext;
  unsigned char rest[EVP_MAX_BLOCK_LENGTH];
  int size = 0;
  if (EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, Raw(key), Raw(nonce), 0) != 1 ||
      !Crypt(cipher.get(), context, ciphertext, plaintext) ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1 ||
      EVP_CipherFinal_ex(cipher.get(), rest, &size) != 1) {
    openssl::Error(absl::StatusCode::kDataLoss, "").IgnoreError();  // empties the queue
    return unreadable;
  }
  return plaintext;
}

}  // namespace perigee
