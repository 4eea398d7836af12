#include "shared/pki/key.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "shared/pki/openssl.h"
#include "shared/pki/request.h"
#include "tests/unit/shared/base/temporary_directory.h"
#include "tests/unit/shared/pki/test_authority.h"

namespace perigee {
namespace {

std::string PemOf(EVP_PKEY* key) {
  const openssl::OwnedBio out = openssl::Writer();
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  EVP_PKEY_free(key);
  return openssl::Written(out.get());
}

TEST(Key, SignaturesBindKeyAndBytes) {
  const PrivateKey key = Must(PrivateKey::GenerateEcP256());
  const PrivateKey other = Must(PrivateKey::GenerateEcP256());
  const std::string signature = Must(key.Sign("bytes"));
  EXPECT_TRUE(key.Public().Verify("bytes", signature).ok());
  EXPECT_EQ(key.Public().Verify("byteS", signature).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_FALSE(other.Public().Verify("bytes", signature).ok());
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    changed[i] ^= 1;
    EXPECT_FALSE(key.Public().Verify("bytes", changed).ok()) << i;
  }
  EXPECT_FALSE(key.Public().Verify("bytes", "").ok());
}

TEST(Key, SavesForItsOwnerOnlyAndLoads) {
  const TemporaryDirectory directory;
  const PrivateKey key = Must(PrivateKey::GenerateEcP256());
  ASSERT_TRUE(key.Save(directory / "key.pem").ok());
  struct stat found{};
  ASSERT_EQ(stat((directory / "key.pem").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  EXPECT_EQ(Must(PrivateKey::Load(directory / "key.pem")).Public(), key.Public());
  EXPECT_EQ(PrivateKey::Load(directory / "none").status().code(), absl::StatusCode::kNotFound);
}

TEST(Key, PublicRoundTrip) {
  const PublicKey key = Must(PrivateKey::GenerateEcP256()).Public();
  EXPECT_EQ(Must(PublicKey::FromDer(key.ToDer())), key);
  EXPECT_EQ(key.Fingerprint().size(), 32u);
  EXPECT_TRUE(key.IsEcP256());
  EXPECT_FALSE(PublicKey::FromDer(key.ToDer() + "x").ok());
  EXPECT_FALSE(PublicKey::FromDer("").ok());
}

TEST(Key, WeakAndStrangeKindsAreRefused) {
  EXPECT_FALSE(PrivateKey::FromPem(PemOf(EVP_RSA_gen(1024))).ok());
  EXPECT_FALSE(PrivateKey::FromPem(PemOf(EVP_EC_gen("secp224r1"))).ok());
  EXPECT_FALSE(PrivateKey::FromPem(PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))).ok());
  EXPECT_FALSE(
      PrivateKey::FromPem("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n").ok());
  EXPECT_FALSE(PrivateKey::FromPem("").ok());
}

TEST(Request, ProvesItsKeyAndNothingElse) {
  const PrivateKey key = Must(PrivateKey::GenerateEcP256());
  const std::string request = Must(MakeRequest(key));
  EXPECT_EQ(Must(KeyOfRequest(request)), key.Public());

  const openssl::OwnedRequest parsed(
      PEM_read_bio_X509_REQ(openssl::Reader(request).get(), nullptr, nullptr, nullptr));
  const std::string der = openssl::ToDer<X509_REQ>(parsed.get(), i2d_X509_REQ);
  EXPECT_EQ(Must(KeyOfRequest(der)), key.Public());
  std::string forged = der;
  forged.back() ^= 1;
  EXPECT_EQ(KeyOfRequest(forged).status().code(), absl::StatusCode::kUnauthenticated);

  // A request for somebody else's key, signed by ours.
  X509_REQ_set_pubkey(parsed.get(), Must(PrivateKey::GenerateEcP256()).get());
  X509_REQ_sign(parsed.get(), key.get(), EVP_sha256());
  const std::string stolen = openssl::ToDer<X509_REQ>(parsed.get(), i2d_X509_REQ);
  EXPECT_EQ(KeyOfRequest(stolen).status().code(), absl::StatusCode::kUnauthenticated);
  for (size_t i = 0; i < der.size(); ++i) EXPECT_FALSE(KeyOfRequest(der.substr(0, i)).ok()) << i;
}

}  // namespace
}  // namespace perigee
