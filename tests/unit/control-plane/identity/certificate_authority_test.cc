#include "control-plane/identity/certificate_authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "control-plane/identity/server_names.h"
#include "shared/base/files.h"
#include "shared/pki/verify.h"
#include "tests/unit/control-plane/identity/centre.h"

namespace perigee::control {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class CertificateAuthorityTest : public ::testing::Test {
 protected:
  ~CertificateAuthorityTest() override { ArmFailpoints(""); }

  absl::StatusOr<std::unique_ptr<CertificateAuthority>> Open(CertificateAuthorityOptions options = {}) {
    options.data_dir = directory_.path();
    return CertificateAuthority::OpenOrCreate(options, *vault_, clock_);
  }

  TemporaryDirectory directory_;
  FakeClock clock_{absl::FromUnixSeconds(1'900'000'000)};
  std::unique_ptr<Vault> vault_ = Vault::Ephemeral(SystemRandom());
};

TEST_F(CertificateAuthorityTest, StartsAgainWithTheSameAuthority) {
  auto first = Open();
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string hash = (*first)->ca_hash();
  const std::string delivery = (*first)->delivery_key_id();
  const std::string chain = (*first)->server().chain_pem;
  first->reset();

  auto again = Open();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->ca_hash(), hash);
  EXPECT_EQ((*again)->delivery_key_id(), delivery);
  EXPECT_EQ((*again)->server().chain_pem, chain);
  EXPECT_EQ(*ReadFile(directory_ / "ca.pem", 65536), (*again)->root_pem());
  EXPECT_EQ(hash, Certificate::FromPem((*again)->root_pem())->Hash());
}

TEST_F(CertificateAuthorityTest, KeysAreTheOwnersOnlyAndCaKeysAreEncrypted) {
  auto authority = Open();
  ASSERT_TRUE(authority.ok()) << authority.status();
  for (const std::string name : {"root.key", "issuing.key", "delivery.key", "server.pem"}) {
    struct stat info{};
    ASSERT_EQ(stat((directory_ / "pki/" + name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
    const std::string content = *ReadFile(directory_ / "pki/" + name, 65536);
    EXPECT_EQ(content.find("PRIVATE KEY") != std::string::npos, name == "server.pem") << name;
  }
}

TEST_F(CertificateAuthorityTest, CrashAtEachWriteOfTheFirstStartIsMadeGood) {
  const std::vector<std::string> points = {"identity.ca.before_key@1",   "identity.ca.before_root",
                                           "identity.ca.before_key@2",   "identity.ca.before_key@3",
                                           "identity.ca.before_issuing", "identity.ca.before_ca_file",
                                           "identity.ca.before_server"};
  for (const std::string& point : points) {
    SCOPED_TRACE(point);
    RemoveTree(directory_ / "pki").IgnoreError();
    RemoveFile(directory_ / "ca.pem").IgnoreError();
    const size_t at = point.find('@');
    ArmFailpoints(point.substr(0, at) + "=error" + (at == std::string::npos ? "" : point.substr(at)));
    EXPECT_FALSE(Open().ok());
    ArmFailpoints("");
    auto authority = Open();
    ASSERT_TRUE(authority.ok()) << authority.status();
    const Host host;
    auto issued = (*authority)->IssueForSatellite(NewUid(SystemRandom()), *MakeRequest(host.key));
    ASSERT_TRUE(issued.ok()) << issued.status();
    EXPECT_TRUE((*authority)->VerifyIssuedHere(*Certificate::FromPem(issued->chain_pem)).ok());
  }
}

TEST_F(CertificateAuthorityTest, LostFilesAreToldNotReplaced) {
  ASSERT_TRUE(Open().ok());
  for (const std::string name : {"root.pem", "issuing.key", "delivery.key"}) {
    SCOPED_TRACE(name);
    const std::string path = directory_ / "pki/" + name;
    const std::string content = *ReadFile(path, 65536);
    ASSERT_TRUE(RemoveFile(path).ok());
    const auto opened = Open();
    ASSERT_FALSE(opened.ok());
    EXPECT_THAT(std::string(ToStd(opened.status().message())), HasSubstr(name));
    ASSERT_TRUE(WriteFileAtomically(path, content, 0600).ok());
    EXPECT_TRUE(Open().ok());
  }
}

TEST_F(CertificateAuthorityTest, RootKeyMayBeTakenOffline) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(RemoveFile(directory_ / "pki/root.key").ok());
  auto authority = Open();
  ASSERT_TRUE(authority.ok()) << authority.status();
  EXPECT_FALSE((*authority)->root_key_present());
  clock_.Advance(absl::Hours(24 * 80));
  EXPECT_TRUE((*authority)->Maintain().ok());
}

TEST_F(CertificateAuthorityTest, ServerCertificateRenewsWithAThirdLeft) {
  auto authority = Open({.server_certificate_lifetime = absl::Hours(90)});
  ASSERT_TRUE(authority.ok()) << authority.status();
  clock_.Advance(absl::Hours(59));
  ASSERT_TRUE((*authority)->Maintain().ok());
  EXPECT_EQ((*authority)->server().generation, 1);
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE((*authority)->Maintain().ok());
  EXPECT_EQ((*authority)->server().generation, 2);
  EXPECT_EQ((*authority)->server().not_after, clock_.Now() + absl::Hours(90));
  const auto identity = LoadIdentity((*authority)->server_file());
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(BundleToPem(identity->chain), (*authority)->server().chain_pem);
}

TEST_F(CertificateAuthorityTest, IssuingCaRenewsAndOldCertificatesStayValid) {
  auto authority = Open();
  ASSERT_TRUE(authority.ok());
  const std::string before = (*authority)->issuing_pem();
  clock_.Advance(absl::Hours(24 * 365 * 4));
  const Host host;
  // Issued by the first, verified under the second.
  const auto issued = (*authority)->IssueForSatellite(NewUid(SystemRandom()), *MakeRequest(host.key));
  ASSERT_TRUE(issued.ok());
  ASSERT_TRUE((*authority)->Maintain().ok());
  EXPECT_NE((*authority)->issuing_pem(), before);
  EXPECT_TRUE((*authority)->VerifyIssuedHere(*Certificate::FromPem(issued->chain_pem)).ok());
  auto again = Open();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->issuing_pem(), (*authority)->issuing_pem());
}

TEST_F(CertificateAuthorityTest, ChangedNamesMakeANewServerCertificate) {
  ASSERT_TRUE(Open().ok());
  auto authority = Open({.advertised = {"198.51.100.7", "centre.example.org"}});
  ASSERT_TRUE(authority.ok()) << authority.status();
  const auto leaf = *Certificate::FromPem((*authority)->server().chain_pem);
  EXPECT_THAT(leaf.DnsNames(), Contains(std::string(kControlPlaneName)));
  EXPECT_THAT(leaf.DnsNames(), Contains(std::string("centre.example.org")));
  EXPECT_THAT(leaf.IpAddresses(), Contains(std::string("198.51.100.7")));
  EXPECT_THAT(leaf.IpAddresses(), Contains(std::string("::1")));
  const std::string chain = (*authority)->server().chain_pem;
  auto same = Open({.advertised = {"centre.example.org", "198.51.100.7"}});
  ASSERT_TRUE(same.ok());
  EXPECT_EQ((*same)->server().chain_pem, chain);
}

TEST_F(CertificateAuthorityTest, ServerIsBelievedByAHostWhoseClockWasNeverSet) {
  auto authority = Open();
  ASSERT_TRUE(authority.ok());
  const auto chain = *Certificate::BundleFromPem((*authority)->server().chain_pem);
  EXPECT_TRUE(VerifyChain(chain[0], {.roots = {chain[2]}, .intermediates = {chain[1]}}, Purpose::kServer,
                          VerificationTime(absl::UnixEpoch(), absl::InfinitePast()))
                  .ok());
}

TEST_F(CertificateAuthorityTest, IssuedCertificateHasOneNameAndTheRequestedKey) {
  auto authority = Open({.satellite_certificate_lifetime = absl::Hours(3)});
  ASSERT_TRUE(authority.ok());
  const Host host;
  const std::string uid = NewUid(SystemRandom());
  const auto issued = (*authority)->IssueForSatellite(uid, *MakeRequest(host.key));
  ASSERT_TRUE(issued.ok()) << issued.status();
  const auto chain = *Certificate::BundleFromPem(issued->chain_pem);
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(*chain[0].Uri(), "spiffe://perigee/satellite/" + uid);
  EXPECT_TRUE(chain[0].DnsNames().empty());
  EXPECT_TRUE(chain[0].IpAddresses().empty());
  EXPECT_TRUE(chain[0].Key() == host.key.Public());
  EXPECT_EQ(issued->not_after, clock_.Now() + absl::Hours(3));
  EXPECT_EQ(issued->serial, chain[0].Serial());
  const auto root = *Certificate::FromPem((*authority)->root_pem());
  EXPECT_TRUE(
      VerifyChain(chain[0], {.roots = {root}, .intermediates = {chain[1]}}, Purpose::kClient, clock_.Now())
          .ok());
  EXPECT_FALSE(
      VerifyChain(chain[0], {.roots = {root}, .intermediates = {chain[1]}}, Purpose::kServer, clock_.Now())
          .ok());
}

// Verified by the centre's own clock, whatever that was at the time of issue.
TEST_F(CertificateAuthorityTest, WhatWasIssuedByAClockThatRanAheadIsAcceptedOnceItIsRight) {
  auto authority = Open({.satellite_certificate_lifetime = absl::Hours(24 * 90)});
  ASSERT_TRUE(authority.ok());
  const Host host;
  clock_.Step(absl::Hours(24 * 20));
  const auto issued = (*authority)->IssueForSatellite(NewUid(SystemRandom()), *MakeRequest(host.key));
  ASSERT_TRUE(issued.ok()) << issued.status();
  clock_.Step(-absl::Hours(24 * 20));
  const auto chain = *Certificate::BundleFromPem(issued->chain_pem);
  const auto root = *Certificate::FromPem((*authority)->root_pem());
  EXPECT_TRUE(
      VerifyChain(chain[0], {.roots = {root}, .intermediates = {chain[1]}}, Purpose::kClient, clock_.Now())
          .ok());
}

// Satellites of every release renew at a third of the time from the beginning to the end.
TEST_F(CertificateAuthorityTest, AFreshCertificateIsNotDueForRenewal) {
  auto authority = Open({.satellite_certificate_lifetime = absl::Hours(24 * 90)});
  ASSERT_TRUE(authority.ok());
  const Host host;
  const auto issued = (*authority)->IssueForSatellite(NewUid(SystemRandom()), *MakeRequest(host.key));
  ASSERT_TRUE(issued.ok()) << issued.status();
  const auto leaf = Certificate::BundleFromPem(issued->chain_pem)->front();
  const absl::Time due = leaf.NotBefore() + (leaf.NotAfter() - leaf.NotBefore()) / 3;
  EXPECT_GE(due - clock_.Now(), absl::Hours(24 * 14));
}

TEST_F(CertificateAuthorityTest, GarbageRequestsAreRefused) {
  auto authority = Open();
  ASSERT_TRUE(authority.ok());
  const Host host;
  std::string broken = *MakeRequest(host.key);
  broken[broken.size() / 2] ^= 1;
  for (const std::string& request : {std::string(), std::string("x"), std::string(5000, '0'), broken}) {
    EXPECT_TRUE(absl::IsInvalidArgument((*authority)->IssueForUser("anna", request).status()));
  }
}

TEST_F(CertificateAuthorityTest, DeliverySignatureVerifiesWithTheGivenKey) {
  auto authority = Open();
  ASSERT_TRUE(authority.ok());
  const auto signature = (*authority)->SignDelivery("root");
  ASSERT_TRUE(signature.ok());
  const auto key = PublicKey::FromDer((*authority)->delivery_keys().front());
  ASSERT_TRUE(key.ok());
  EXPECT_TRUE(key->Verify("root", *signature).ok());
  EXPECT_FALSE(key->Verify("rook", *signature).ok());
  EXPECT_EQ(key->Fingerprint(), (*authority)->delivery_key_id());
}

TEST(NamesOfServerTest, NamesAndAddresses) {
  const auto names = NamesOfServer("centre_1", {"2001:DB8::0001", "a.example"});
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(names->addresses, Contains(std::string("2001:db8::1")));
  EXPECT_THAT(names->dns, Contains(std::string("a.example")));
  EXPECT_EQ(names->dns.size(), 3u);  // the host's own name is no DNS name
  for (const char* bad : {"https://a", "a:1", "", "-a", "a..b", "a b"}) {
    EXPECT_FALSE(NamesOfServer("h", {bad}).ok()) << bad;
  }
}

}  // namespace
}  // namespace perigee::control
