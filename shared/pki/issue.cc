#include "shared/pki/issue.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_join.h"
#include "shared/base/random.h"
#include "shared/base/status.h"
#include "shared/pki/openssl.h"
#include "shared/pki/spiffe.h"

namespace perigee {
namespace {

constexpr size_t kSerialBytes = 16;
constexpr size_t kLongestCommonName = 64;  // ub-common-name, RFC 5280

// One extension in the notation of x509v3_config(5). Values are ours, never text from outside.
struct Extension {
  int nid;
  std::string value;
};

struct Profile {
  std::string common_name;
  std::vector<Extension> extensions;
};

absl::Status SetSerial(X509* certificate) {
  std::string bytes = SystemRandom().Bytes(kSerialBytes);
  // Positive, and of always the same length.
  bytes[0] = static_cast<char>((bytes[0] & 0x7f) | 0x40);
  const openssl::Owned<BIGNUM, BN_free> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), kSerialBytes, nullptr));
  if (number == nullptr || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return openssl::Error(absl::StatusCode::kInternal, "setting a serial number");
  }
  return absl::OkStatus();
}

absl::Status SetValidity(X509* certificate, const Validity& validity) {
  if (validity.not_before >= validity.not_after) {
    return absl::InvalidArgumentError("a certificate must end after it begins");
  }
  if (ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(validity.not_before)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(validity.not_after)) == nullptr) {
    return openssl::Error(absl::StatusCode::kInvalidArgument, "setting a certificate's validity");
  }
  return absl::OkStatus();
}

absl::Status SetSubject(X509* certificate, const std::string& common_name) {
  const std::string name = common_name.substr(0, kLongestCommonName);
  if (X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(name.data()),
                                 static_cast<int>(name.size()), -1, 0) != 1) {
    return openssl::Error(absl::StatusCode::kInvalidArgument, "setting a certificate's subject");
  }
  return absl::OkStatus();
}

absl::Status AddExtensions(X509* certificate, X509* issuer, const std::vector<Extension>& extensions) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const Extension& extension : extensions) {
    const openssl::OwnedExtension made(
        X509V3_EXT_conf_nid(nullptr, &context, extension.nid, extension.value.c_str()));
    if (made == nullptr || X509_add_ext(certificate, made.get(), -1) != 1) {
      return openssl::Error(absl::StatusCode::kInvalidArgument,
                            absl::StrCat("adding ", OBJ_nid2sn(extension.nid), " to a certificate"));
    }
  }
  return absl::OkStatus();
}

// `issuer` null: signs itself with `signing_key`.
absl::StatusOr<Certificate> Make(const Certificate* issuer, const PrivateKey& signing_key,
                                 const PublicKey& key, const Profile& profile, const Validity& validity) {
  std::shared_ptr<X509> made(X509_new(), X509_free);
  if (made == nullptr || X509_set_version(made.get(), X509_VERSION_3) != 1 ||
      X509_set_pubkey(made.get(), key.get()) != 1) {
    return openssl::Error(absl::StatusCode::kInternal, "making a certificate");
  }
  X509* const signer = issuer == nullptr ? made.get() : issuer->get();
  PERIGEE_RETURN_IF_ERROR(SetSerial(made.get()));
  PERIGEE_RETURN_IF_ERROR(SetValidity(made.get(), validity));
  PERIGEE_RETURN_IF_ERROR(SetSubject(made.get(), profile.common_name));
  if (X509_set_issuer_name(made.get(), X509_get_subject_name(signer)) != 1) {
    return openssl::Error(absl::StatusCode::kInternal, "setting a certificate's issuer");
  }
  PERIGEE_RETURN_IF_ERROR(AddExtensions(made.get(), signer, profile.extensions));
  if (X509_sign(made.get(), signing_key.get(), EVP_sha256()) == 0) {
    return openssl::Error(absl::StatusCode::kInternal, "signing a certificate");
  }
  return Certificate(std::move(made));
}

absl::StatusOr<Certificate> Issue(const Issuer& issuer, const PublicKey& key, const Profile& profile,
                                  const Validity& validity) {
  if (issuer.key.Public() != issuer.certificate.Key()) {
    return absl::InvalidArgumentError("the issuer's key does not belong to its certificate");
  }
  return Make(&issuer.certificate, issuer.key, key, profile, validity);
}

std::vector<Extension> AuthorityExtensions(const std::string& constraints) {
  return {{NID_basic_constraints, constraints},
          {NID_key_usage, "critical,keyCertSign,cRLSign"},
          {NID_subject_key_identifier, "hash"}};
}

std::vector<Extension> LeafExtensions(const std::string& purpose, const std::string& names) {
  return {{NID_basic_constraints, "critical,CA:FALSE"},
          {NID_key_usage, "critical,digitalSignature"},
          {NID_ext_key_usage, purpose},
          {NID_subject_key_identifier, "hash"},
          {NID_authority_key_identifier, "keyid"},
          {NID_subject_alt_name, names}};
}

// Keeps what a name holds from being read as more of the extension's notation.
bool IsDnsName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
  return !name.empty() && name.size() <= 253 && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool IsIpAddress(const std::string& text) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

absl::StatusOr<std::string> AlternativeNames(const ServerNames& names) {
  std::vector<std::string> all;
  for (const std::string& name : names.dns) {
    if (!IsDnsName(name)) return absl::InvalidArgumentError("a server's name must be a DNS name");
    all.push_back("DNS:" + name);
  }
  for (const std::string& address : names.addresses) {
    if (!IsIpAddress(address)) return absl::InvalidArgumentError("a server's address must be an IP address");
    all.push_back("IP:" + address);
  }
  if (all.empty()) return absl::InvalidArgumentError("a server's certificate must name something");
  return absl::StrJoin(all, ",");
}

}  // namespace

absl::StatusOr<Certificate> MakeRoot(const PrivateKey& key, const std::string& name,
                                     const Validity& validity) {
  return Make(nullptr, key, key.Public(), {name, AuthorityExtensions("critical,CA:TRUE,pathlen:1")},
              validity);
}

absl::StatusOr<Certificate> IssueAuthority(const Issuer& root, const PublicKey& key, const std::string& name,
                                           const Validity& validity) {
  std::vector<Extension> extensions = AuthorityExtensions("critical,CA:TRUE,pathlen:0");
  extensions.push_back({NID_authority_key_identifier, "keyid"});
  return Issue(root, key, {name, std::move(extensions)}, validity);
}

absl::StatusOr<Certificate> IssueServer(const Issuer& ca, const PublicKey& key, const ServerNames& names,
                                        const Validity& validity) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string alternative_names, AlternativeNames(names));
  const std::string common_name = names.dns.empty() ? names.addresses.front() : names.dns.front();
  return Issue(ca, key, {common_name, LeafExtensions("serverAuth", alternative_names)}, validity);
}

absl::StatusOr<Certificate> IssueClient(const Issuer& ca, const PublicKey& key, const std::string& uri,
                                        const Validity& validity) {
  PERIGEE_ASSIGN_OR_RETURN(const SpiffeId id, ParseSpiffeId(uri));
  return Issue(ca, key, {id.name, LeafExtensions("clientAuth", "URI:" + uri)}, validity);
}

absl::StatusOr<Certificate> MakeSealingCertificate(const PrivateKey& key, const std::string& name,
                                                   const Validity& validity) {
  if (!key.Public().IsEcP256()) return absl::InvalidArgumentError("a sealing key must be EC P-256");
  std::vector<Extension> extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                       {NID_key_usage, "critical,keyAgreement"},
                                       {NID_subject_key_identifier, "hash"}};
  return Make(nullptr, key, key.Public(), {name, std::move(extensions)}, validity);
}

}  // namespace perigee
