#include "shared/pki/request.h"

#include <openssl/pem.h>

#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/pki/openssl.h"

namespace perigee {
namespace {

constexpr std::string_view kPemStart = "-----BEGIN";

openssl::OwnedRequest Parse(std::string_view request) {
  if (request.find(kPemStart) != std::string_view::npos) {
    return openssl::OwnedRequest(
        PEM_read_bio_X509_REQ(openssl::Reader(request).get(), nullptr, nullptr, nullptr));
  }
  const auto* position = reinterpret_cast<const unsigned char*>(request.data());
  return openssl::OwnedRequest(d2i_X509_REQ(nullptr, &position, static_cast<long>(request.size())));
}

}  // namespace

absl::StatusOr<std::string> MakeRequest(const PrivateKey& key) {
  const openssl::OwnedRequest request(X509_REQ_new());
  const openssl::OwnedBio out = openssl::Writer();
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0 ||
      PEM_write_bio_X509_REQ(out.get(), request.get()) != 1) {
    return openssl::Error(absl::StatusCode::kInternal, "making a certificate signing request");
  }
  return openssl::Written(out.get());
}

absl::StatusOr<PublicKey> KeyOfRequest(std::string_view request) {
  if (request.size() > limits::kHttpBodyBytes) {
    return absl::InvalidArgumentError("too large for a certificate signing request");
  }
  const openssl::OwnedRequest parsed = Parse(request);
  EVP_PKEY* const key = parsed == nullptr ? nullptr : X509_REQ_get0_pubkey(parsed.get());
  if (key == nullptr) {
    return openssl::Error(absl::StatusCode::kInvalidArgument, "not a certificate signing request (PKCS #10)");
  }
  // Through the one door for keys, which refuses weak and strange ones.
  PERIGEE_ASSIGN_OR_RETURN(PublicKey checked, PublicKey::FromDer(openssl::ToDer<EVP_PKEY>(key, i2d_PUBKEY)));
  if (X509_REQ_verify(parsed.get(), checked.get()) != 1) {
    return openssl::Error(absl::StatusCode::kUnauthenticated,
                          "the certificate signing request is not signed by its own key");
  }
  return checked;
}

}  // namespace perigee
