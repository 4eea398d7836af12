// A parsed X.509 certificate. A value that shares what is beneath; immutable, so thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/pki/key.h"

struct x509_st;

namespace perigee {

class Certificate {
 public:
  static absl::StatusOr<Certificate> FromDer(std::string_view der);
  // The first certificate of the text.
  static absl::StatusOr<Certificate> FromPem(std::string_view pem);
  // Every certificate of the text, in order; other PEM blocks are passed over. INVALID_ARGUMENT when there is
  // none.
  static absl::StatusOr<std::vector<Certificate>> BundleFromPem(std::string_view pem);

  std::string ToDer() const;
  std::string ToPem() const;

  // The only URI among the subject's alternative names. NOT_FOUND when there is none, INVALID_ARGUMENT when
  // several.
  absl::StatusOr<std::string> Uri() const;
  std::vector<std::string> DnsNames() const;
  std::vector<std::string> IpAddresses() const;  // text
  std::string CommonName() const;                // for people; nothing is decided by it
  std::string Serial() const;                    // lower-case hexadecimal, two digits a byte
  absl::Time NotBefore() const;
  absl::Time NotAfter() const;
  bool IsAuthority() const;
  PublicKey Key() const;
  // "sha256:" and the hexadecimal SHA-256 of the DER: what people compare and pin.
  std::string Hash() const;
  bool operator==(const Certificate& other) const;

  explicit Certificate(std::shared_ptr<x509_st> certificate)
      : certificate_(std::move(certificate)) {}  // within pki and seal
  x509_st* get() const { return certificate_.get(); }

 private:
  std::shared_ptr<x509_st> certificate_;
};

std::string BundleToPem(const std::vector<Certificate>& certificates);

// "sha256:" and 64 lower-case hexadecimal digits (upper case and colons are taken too): its normal form.
absl::StatusOr<std::string> ParseCaHash(std::string_view text);

}  // namespace perigee
