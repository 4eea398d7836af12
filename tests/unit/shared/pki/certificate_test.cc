#include "shared/pki/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shared/base/random.h"
#include "shared/pki/spiffe.h"
#include "tests/unit/shared/base/temporary_directory.h"
#include "tests/unit/shared/pki/test_authority.h"

namespace perigee {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Certificate, ReadsBackWhatWasIssued) {
  const TestAuthority authority;
  const Certificate client = authority.Client(SatelliteUri(kTestUid)).chain.front();
  EXPECT_EQ(*client.Uri(), "spiffe://perigee/satellite/" + std::string(kTestUid));
  EXPECT_EQ(client.CommonName(), kTestUid);
  EXPECT_EQ(client.Serial().size(), 32u);
  EXPECT_EQ(absl::ToUnixSeconds(client.NotBefore()), absl::ToUnixSeconds(authority.validity.not_before));
  EXPECT_EQ(absl::ToUnixSeconds(client.NotAfter()), absl::ToUnixSeconds(authority.validity.not_after));
  EXPECT_FALSE(client.IsAuthority());
  EXPECT_THAT(client.DnsNames(), IsEmpty());
  EXPECT_TRUE(authority.ca.IsAuthority());

  const Certificate server =
      authority.Server({{kControlPlaneName, "localhost"}, {"127.0.0.1", "::1"}}).chain.front();
  EXPECT_THAT(server.DnsNames(), ElementsAre(kControlPlaneName, "localhost"));
  EXPECT_THAT(server.IpAddresses(), ElementsAre("127.0.0.1", "::1"));
  EXPECT_EQ(server.Uri().status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(server.Serial(), client.Serial());
}

TEST(Certificate, PemAndDerRoundTrip) {
  const TestAuthority authority;
  EXPECT_EQ(Must(Certificate::FromDer(authority.ca.ToDer())), authority.ca);
  const std::string both = IdentityToPem({authority.ca_key, {authority.ca, authority.root}});
  EXPECT_EQ(Must(Certificate::BundleFromPem(both)), (std::vector<Certificate>{authority.ca, authority.root}));
  EXPECT_EQ(Must(Certificate::FromPem(both)), authority.ca);
  EXPECT_FALSE(Certificate::FromPem("").ok());
  EXPECT_FALSE(Certificate::FromPem(authority.ca_key.ToPem()).ok());
  EXPECT_FALSE(Certificate::FromDer(authority.ca.ToDer() + "x").ok());
  std::string damaged = authority.ca.ToPem() + authority.root.ToPem();
  damaged[authority.ca.ToPem().size() + 60] = '!';
  EXPECT_FALSE(Certificate::BundleFromPem(damaged).ok()) << "a damaged one must not just be left out";
}

TEST(Certificate, ChangedBytesNeverCrash) {
  const TestAuthority authority;
  const std::string der = authority.ca.ToDer();
  SeededRandom random(2);
  for (int i = 0; i < 1000; ++i) {
    std::string changed = der;
    changed[static_cast<size_t>(random.Fraction() * static_cast<double>(der.size()))] = random.Bytes(1)[0];
    const auto parsed = Certificate::FromDer(changed);
    if (!parsed.ok()) continue;
    parsed->Uri().IgnoreError();
    parsed->DnsNames();
    parsed->Serial();
    parsed->NotAfter();
    parsed->CommonName();
  }
}

TEST(CaHash, NormalForm) {
  const TestAuthority authority;
  const std::string hash = authority.root.Hash();
  EXPECT_EQ(hash.size(), 7u + 64u);
  EXPECT_EQ(Must(ParseCaHash(hash)), hash);
  const std::string digits = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  EXPECT_EQ(
      Must(ParseCaHash(" SHA256:00:11:22:33445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\n")),
      "sha256:" + digits);
  for (const std::string& bad : {digits, "sha256:" + digits.substr(2), "sha1:" + digits, std::string()}) {
    EXPECT_FALSE(ParseCaHash(bad).ok()) << bad;
  }
}

TEST(Spiffe, Cases) {
  const std::string uid = kTestUid;
  EXPECT_EQ(Must(ParseSpiffeId(SatelliteUri(uid))), (SpiffeId{SpiffeId::Kind::kSatellite, uid}));
  EXPECT_EQ(Must(ParseSpiffeId(UserUri("anna.k"))), (SpiffeId{SpiffeId::Kind::kUser, "anna.k"}));
  EXPECT_EQ(Must(ParseSpiffeId(UserUri("admin"))).Uri(), "spiffe://perigee/user/admin");
  const std::string bad[] = {"",
                             "spiffe://perigee/",
                             "spiffe://other/user/admin",
                             "SPIFFE://perigee/user/admin",
                             "spiffe://perigee/user/",
                             "spiffe://perigee/user/a/b",
                             "spiffe://perigee/user/a%2fb",
                             "spiffe://perigee/user/../x",
                             "spiffe://perigee/user/.a",
                             "spiffe://perigee/user/a?b",
                             "spiffe://perigee/user/a b",
                             "spiffe://perigee/user/" + std::string(64, 'a'),
                             "spiffe://perigee/satellite/x",
                             "spiffe://perigee/satellite/" + uid + "/x",
                             "spiffe://perigee/satellite/0189000A-0000-7000-8000-000000000001",
                             "spiffe://perigee/site/" + uid,
                             std::string("spiffe://perigee/user/a\0b", 25)};
  for (const std::string& uri : bad) EXPECT_FALSE(ParseSpiffeId(uri).ok()) << uri;
}

TEST(IdentityFile, KeyAndChainBelongTogether) {
  const TemporaryDirectory directory;
  const TestAuthority authority;
  const Identity identity = authority.Client(UserUri("admin"));
  ASSERT_TRUE(SaveIdentity(directory / "i.pem", identity).ok());
  struct stat found{};
  ASSERT_EQ(stat((directory / "i.pem").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  const Identity loaded = Must(LoadIdentity(directory / "i.pem"));
  EXPECT_EQ(loaded.chain, identity.chain);
  EXPECT_EQ(loaded.key.Public(), identity.key.Public());
  EXPECT_FALSE(IdentityFromPem(IdentityToPem({authority.root_key, identity.chain})).ok());
  EXPECT_FALSE(IdentityFromPem(identity.key.ToPem()).ok());
}

}  // namespace
}  // namespace perigee
