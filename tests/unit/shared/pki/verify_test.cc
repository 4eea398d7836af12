#include "shared/pki/verify.h"

#include <gtest/gtest.h>

#include "shared/pki/spiffe.h"
#include "tests/unit/shared/pki/test_authority.h"

namespace perigee {
namespace {

class VerifyTest : public ::testing::Test {
 protected:
  const TestAuthority authority_;
  const Certificate client_ = authority_.Client(SatelliteUri(kTestUid)).chain.front();
  const Certificate server_ = authority_.Server().chain.front();
  const Trust trust_ = {{authority_.root}, {authority_.ca}};
  const absl::Time now_ = absl::Now();
};

TEST_F(VerifyTest, BelievesItsOwnForTheirPurpose) {
  EXPECT_TRUE(VerifyChain(client_, trust_, Purpose::kClient, now_).ok());
  EXPECT_TRUE(VerifyChain(server_, trust_, Purpose::kServer, now_).ok());
  EXPECT_EQ(VerifyChain(client_, trust_, Purpose::kServer, now_).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_FALSE(VerifyChain(server_, trust_, Purpose::kClient, now_).ok());
}

TEST_F(VerifyTest, TimeIsTheCallers) {
  EXPECT_FALSE(VerifyChain(client_, trust_, Purpose::kClient, now_ + absl::Hours(25)).ok());
  EXPECT_FALSE(VerifyChain(client_, trust_, Purpose::kClient, now_ - absl::Hours(2)).ok());
}

TEST_F(VerifyTest, OthersRootsAndMissingLinksAreRefused) {
  const TestAuthority other;
  EXPECT_FALSE(VerifyChain(client_, {{other.root}, {authority_.ca}}, Purpose::kClient, now_).ok());
  EXPECT_FALSE(
      VerifyChain(client_, {{other.root}, {authority_.ca, authority_.root}}, Purpose::kClient, now_).ok());
  EXPECT_FALSE(VerifyChain(client_, {{authority_.root}}, Purpose::kClient, now_).ok());
  EXPECT_FALSE(VerifyChain(client_, {}, Purpose::kClient, now_).ok());
  EXPECT_TRUE(
      VerifyChain(client_, {{other.root, authority_.root}, {authority_.ca}}, Purpose::kClient, now_).ok())
      << "roots may overlap while one replaces the other";
}

TEST_F(VerifyTest, AnIssuingAuthorityMakesNoAuthorities) {
  const PrivateKey key = Must(PrivateKey::GenerateEcP256());
  const Certificate sub =
      Must(IssueAuthority({authority_.ca_key, authority_.ca}, key.Public(), "Sub CA", authority_.validity));
  const Certificate leaf = Must(IssueClient({key, sub}, Must(PrivateKey::GenerateEcP256()).Public(),
                                            UserUri("eve"), authority_.validity));
  const Trust trust = {{authority_.root}, {authority_.ca, sub}};
  EXPECT_FALSE(VerifyChain(leaf, trust, Purpose::kClient, now_).ok());
}

TEST_F(VerifyTest, ALeafMakesNothing) {
  const Identity identity = authority_.Client(UserUri("eve"));
  const Certificate forged =
      Must(IssueClient({identity.key, identity.chain.front()}, Must(PrivateKey::GenerateEcP256()).Public(),
                       UserUri("admin"), authority_.validity));
  const Trust trust = {{authority_.root}, {authority_.ca, identity.chain.front()}};
  EXPECT_FALSE(VerifyChain(forged, trust, Purpose::kClient, now_).ok());
}

TEST_F(VerifyTest, IssuingRefusesWhatItShould) {
  const PublicKey key = Must(PrivateKey::GenerateEcP256()).Public();
  const Issuer ca = {authority_.ca_key, authority_.ca};
  EXPECT_FALSE(IssueClient(ca, key, "https://example.com", authority_.validity).ok());
  EXPECT_FALSE(IssueClient(ca, key, UserUri("a,DNS:evil.example"), authority_.validity).ok());
  EXPECT_FALSE(IssueServer(ca, key, {{"a,IP:10.0.0.1"}, {}}, authority_.validity).ok());
  EXPECT_FALSE(IssueServer(ca, key, {{}, {"not an address"}}, authority_.validity).ok());
  EXPECT_FALSE(IssueServer(ca, key, {{}, {}}, authority_.validity).ok());
  EXPECT_FALSE(
      IssueClient({authority_.root_key, authority_.ca}, key, UserUri("a"), authority_.validity).ok());
  EXPECT_FALSE(IssueClient(ca, key, UserUri("a"), {now_, now_}).ok());
}

TEST(VerificationTime, IsTheLatestOfAll) {
  const absl::Time build = BuildTime();
  EXPECT_EQ(VerificationTime(absl::UnixEpoch(), absl::InfinitePast()), build);
  EXPECT_EQ(VerificationTime(build + absl::Hours(1), build + absl::Hours(2)), build + absl::Hours(2));
  EXPECT_EQ(VerificationTime(build + absl::Hours(3), build + absl::Hours(2)), build + absl::Hours(3));
}

TEST(VerificationTime, AFloorThatIsAheadIsNotTheOnlyOne) {
  const absl::Time build = BuildTime();
  const absl::Time clock = build + absl::Hours(1);
  EXPECT_EQ(VerificationTimes(clock, build + absl::Hours(9)),
            (std::vector<absl::Time>{build + absl::Hours(9), clock}));
  EXPECT_EQ(VerificationTimes(clock, build), std::vector<absl::Time>{clock});
  EXPECT_EQ(VerificationTimes(absl::UnixEpoch(), absl::UnixEpoch()), std::vector<absl::Time>{build});
}

}  // namespace
}  // namespace perigee
