#include "shared/pki/certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "shared/base/limits.h"
#include "shared/base/random.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/pki/openssl.h"

namespace perigee {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr size_t kLargestBundle = 64;  // certificates

using OwnedNames = openssl::Owned<GENERAL_NAMES, GENERAL_NAMES_free>;

std::string_view Content(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

// The subject's alternative names of one type, as they are.
std::vector<std::string> Names(X509* certificate, int type) {
  const OwnedNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> found;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == type) {
      found.emplace_back(Content(static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, nullptr))));
    }
  }
  return found;
}

absl::StatusOr<Certificate> Check(std::shared_ptr<X509> certificate) {
  if (certificate == nullptr) return openssl::Error(absl::StatusCode::kInvalidArgument, "not a certificate");
  if (X509_get0_pubkey(certificate.get()) == nullptr) {
    return openssl::Error(absl::StatusCode::kInvalidArgument, "a certificate with an unknown kind of key");
  }
  return Certificate(std::move(certificate));
}

std::shared_ptr<X509> Share(X509* certificate) {
  return std::shared_ptr<X509>(certificate, X509_free);
}

}  // namespace

absl::StatusOr<Certificate> Certificate::FromDer(std::string_view der) {
  const auto* position = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* const end = position + der.size();
  auto certificate = Share(d2i_X509(nullptr, &position, static_cast<long>(der.size())));
  if (position != end) return openssl::Error(absl::StatusCode::kInvalidArgument, "not a certificate");
  return Check(std::move(certificate));
}

absl::StatusOr<Certificate> Certificate::FromPem(std::string_view pem) {
  PERIGEE_ASSIGN_OR_RETURN(std::vector<Certificate> bundle, BundleFromPem(pem));
  return bundle.front();
}

absl::StatusOr<std::vector<Certificate>> Certificate::BundleFromPem(std::string_view pem) {
  if (pem.size() > limits::kManifestBytes) return absl::InvalidArgumentError("too large for certificates");
  const openssl::OwnedBio reader = openssl::Reader(pem);
  std::vector<Certificate> bundle;
  while (bundle.size() < kLargestBundle) {
    auto certificate = Share(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    PERIGEE_ASSIGN_OR_RETURN(Certificate checked, Check(std::move(certificate)));
    bundle.push_back(std::move(checked));
  }
  // The end of the text shows as an error of its own; any other one is a damaged certificate.
  const bool at_end =
      bundle.size() < kLargestBundle && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (bundle.empty() || !at_end) {
    return openssl::Error(absl::StatusCode::kInvalidArgument, "not certificates (PEM)");
  }
  ERR_clear_error();
  return bundle;
}

std::string Certificate::ToDer() const {
  return openssl::ToDer<X509>(certificate_.get(), i2d_X509);
}

std::string Certificate::ToPem() const {
  const openssl::OwnedBio out = openssl::Writer();
  PERIGEE_ASSERT(PEM_write_bio_X509(out.get(), certificate_.get()) == 1);
  return openssl::Written(out.get());
}

absl::StatusOr<std::string> Certificate::Uri() const {
  std::vector<std::string> uris = Names(certificate_.get(), GEN_URI);
  if (uris.empty()) return absl::NotFoundError("the certificate has no URI name");
  if (uris.size() > 1) return absl::InvalidArgumentError("the certificate has several URI names");
  return std::move(uris.front());
}

std::vector<std::string> Certificate::DnsNames() const {
  return Names(certificate_.get(), GEN_DNS);
}

std::vector<std::string> Certificate::IpAddresses() const {
  std::vector<std::string> addresses;
  for (const std::string& bytes : Names(certificate_.get(), GEN_IPADD)) {
    char text[INET6_ADDRSTRLEN] = {};
    if (bytes.size() != 4 && bytes.size() != 16) continue;
    inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
    addresses.emplace_back(text);
  }
  return addresses;
}

std::string Certificate::CommonName() const {
  const X509_NAME* const subject = X509_get_subject_name(certificate_.get());
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return {};
  return std::string(Content(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))));
}

std::string Certificate::Serial() const {
  return HexEncode(Content(X509_get0_serialNumber(certificate_.get())));
}

absl::Time Certificate::NotBefore() const {
  return openssl::ToTime(X509_get0_notBefore(certificate_.get()));
}

absl::Time Certificate::NotAfter() const {
  return openssl::ToTime(X509_get0_notAfter(certificate_.get()));
}

bool Certificate::IsAuthority() const {
  return X509_check_ca(certificate_.get()) == 1;
}

PublicKey Certificate::Key() const {
  return PublicKey(std::shared_ptr<EVP_PKEY>(X509_get_pubkey(certificate_.get()), EVP_PKEY_free));
}

std::string Certificate::Hash() const {
  return std::string(kHashPrefix) + Sha256Hex(ToDer());
}

bool Certificate::operator==(const Certificate& other) const {
  return X509_cmp(certificate_.get(), other.certificate_.get()) == 0;
}

std::string BundleToPem(const std::vector<Certificate>& certificates) {
  std::string pem;
  for (const Certificate& certificate : certificates) pem += certificate.ToPem();
  return pem;
}

absl::StatusOr<std::string> ParseCaHash(std::string_view text) {
  std::string lower = absl::AsciiStrToLower(ToAbsl(text));
  absl::StripAsciiWhitespace(&lower);
  if (lower.starts_with(kHashPrefix)) {
    const std::string digits = absl::StrReplaceAll(lower.substr(kHashPrefix.size()), {{":", ""}});
    const auto bytes = HexDecode(digits);
    if (bytes.ok() && bytes->size() == 32) return std::string(kHashPrefix) + digits;
  }
  return absl::InvalidArgumentError(
      "the CA hash must be \"sha256:\" and 64 hexadecimal digits, as in \"caHash\" of the control plane's "
      "endpoints.json");
}

}  // namespace perigee
