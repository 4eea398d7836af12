// Which certificate the link shows, and what it does when that is refused.
#include "satellite/link/renewal.h"
#include "tests/unit/satellite/link/link_fixture.h"

namespace perigee::satellite {
namespace {

TEST_F(LinkTest, RenewsAfterAThirdOfTheLifeAndHandsOver) {
  SetLife({absl::Now() - absl::Hours(5), absl::Now() + absl::Hours(5)});
  const std::string before = identity_.pem;
  StartLink();
  ASSERT_TRUE(centre_.Await([&] { return centre_.sessions == 2 && centre_.heartbeats > 0; }));
  EXPECT_EQ(owner_.renewed, reason::kCertificateRenewed);
  EXPECT_TRUE(centre_.Await([&] { return centre_.serial == SerialInUse(); }))
      << "the second session shows the new certificate, which is then the one in use";
  EXPECT_EQ(centre_.renewals, 1);
  auto identity = LoadIdentity(IdentityStore(path_).PemPath());
  ASSERT_TRUE(identity.ok());
  EXPECT_TRUE(identity->key.Public() == client_key_.Public());
  EXPECT_NE(IdentityToPem(*identity), before);
}

// What the centre issued is no good: not valid yet by its own clock, or of another CA.
TEST_F(LinkTest, ARenewedCertificateThatIsRefusedGivesWayToTheOldOne) {
  SetLife({absl::Now() - absl::Minutes(1), absl::Now() + absl::Hours(9)});
  const IdentityStore store(path_);
  ASSERT_TRUE(store.ProposePem(Authority().ClientPem(client_key_, Authority::Life(absl::Hours(9)))).ok());
  StartLink();
  ASSERT_TRUE(AwaitOwner([&] { return owner_.up; }));
  EXPECT_TRUE(centre_.Await([&] { return store.Read()->next_pem.empty(); }));
  EXPECT_EQ(store.Read()->pem, identity_.pem);
  EXPECT_GE(owner_.downs, 1);
}

// The agent died after the renewal was stored and before it had connected.
TEST_F(LinkTest, ARenewedCertificateIsTakenUpAfterARestart) {
  SetLife({absl::Now() - absl::Minutes(1), absl::Now() + absl::Hours(9)});
  const IdentityStore store(path_);
  const std::string next = authority_.ClientPem(client_key_, Authority::Life(absl::Hours(9)));
  ASSERT_TRUE(store.ProposePem(next).ok());
  StartLink();
  EXPECT_TRUE(centre_.Await([&] { return store.Read()->pem == next && store.Read()->next_pem.empty(); }));
  EXPECT_EQ(centre_.renewals, 0);
}

TEST_F(LinkTest, AProposedCertificateOfAnotherKeyIsLeftAlone) {
  const IdentityStore store(path_);
  const PrivateKey other = *PrivateKey::GenerateEcP256();
  ASSERT_TRUE(store.ProposePem(authority_.ClientPem(other, Authority::Life(absl::Hours(9)))).ok());
  StartLink();
  ASSERT_TRUE(AwaitOwner([&] { return owner_.up; }));
  EXPECT_EQ(store.Read()->pem, identity_.pem);
  EXPECT_EQ(store.Read()->next_pem, "");
}

// Not yet valid by the server's clock, as after a control plane's clock ran ahead and was set right.
TEST_F(LinkTest, ACertificateThatIsRefusedThoughNotExpiredIsRecovered) {
  SetLife({absl::Now() + absl::Hours(1), absl::Now() + absl::Hours(9)});
  StartLink();
  EXPECT_TRUE(AwaitOwner([&] { return owner_.last_alarm.starts_with("recovering: "); }))
      << owner_.down_reason;
  EXPECT_GE(owner_.downs, 2);
}

TEST_F(LinkTest, AServerThatIsAwayIsNoReasonToRecover) {
  StopServer();
  StartLink();
  ASSERT_TRUE(AwaitOwner([&] { return owner_.downs >= 3; }));
  EXPECT_EQ(owner_.last_alarm, "");
}

// The floor was raised while the control plane's clock ran ahead, beyond the end of the server's certificate.
TEST_F(LinkTest, AFloorThatIsWrongKeepsNobodyOut) {
  owner_.floor = absl::Now() + absl::Hours(24 * 365);
  StartLink();
  EXPECT_TRUE(AwaitOwner([&] { return owner_.up; }));
}

}  // namespace
}  // namespace perigee::satellite
