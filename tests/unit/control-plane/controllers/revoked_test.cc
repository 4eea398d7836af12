// What becomes of the replicas of a satellite that was revoked.
#include "control-plane/controllers/lost.h"
#include "shared/session/moment.h"
#include "tests/unit/control-plane/controllers/fleet.h"

namespace perigee::control {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class RevokedTest : public Fleet {
 protected:
  void Revoke(const std::string& name) {
    v1::Satellite satellite = *Get<v1::Satellite>(name);
    satellite.mutable_operations()->mutable_revoked()->set_active(true);
    *satellite.mutable_operations()->mutable_revoked()->mutable_since() = ToTimestamp(clock_.Now());
    Commit(satellite);
    SetFreshness(name, "stale");
  }
  std::string PlaceOfOnly() {
    const auto all = All<v1::Assignment>();
    return all.size() == 1 ? all[0]->spec().satellite() : absl::StrCat(all.size(), " assignments");
  }
};

TEST_F(RevokedTest, ItsReplicasArePlacedElsewhereAtTheSite) {
  AddSite("berlin", 2);
  Apply(WorkloadYaml("web", "1"));
  Settle({"berlin-1", "berlin-2"});
  const std::string first = PlaceOfOnly();
  const std::string second = first == "berlin-1" ? "berlin-2" : "berlin-1";
  Revoke(first);
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(PlaceOfOnly(), second);
  EXPECT_EQ(EntriesOf(second).Count("replica/"), 1);
  Settle({second});
  EXPECT_EQ(ReadyReason("web"), "AsAsked");
}

TEST_F(RevokedTest, WithoutAnotherHostTheSiteSaysSo) {
  AddSite("berlin");
  Apply(WorkloadYaml("web", "1"));
  Settle({"berlin-1"});
  Revoke("berlin-1");
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(All<v1::Assignment>(), IsEmpty());
  EXPECT_EQ(ReadyReason("web"), "NoSatellite");
  AddSatellite("berlin", "berlin-2");  // the same host, enrolled anew
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(PlaceOfOnly(), "berlin-2");
}

TEST_F(RevokedTest, HoldsUpNoDeletion) {
  AddSite("berlin");
  Apply(WorkloadYaml("web", "1"));
  Settle({"berlin-1"});
  Revoke("berlin-1");
  Delete("Workload", "web");
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(All<v1::Workload>(), IsEmpty());
}

// A second copy beside one that still runs is what stopAfter forbids.
TEST_F(RevokedTest, AReplicaWithStopAfterIsGivenAwayWhenItsLeaseHasEnded) {
  AddSite("berlin", 2);
  Apply(WorkloadYaml("web", "1", "      stop: {grace: 5s}\n  placement: {onDisconnect: {stopAfter: 10m}}\n"));
  Settle({"berlin-1", "berlin-2"});
  const std::string first = PlaceOfOnly();
  Revoke(first);
  clock_.Advance(absl::Minutes(11) + absl::Seconds(14));
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(PlaceOfOnly(), first) << "10 min, 10 % of them, 5 s of grace and 10 s have not passed";
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(Run().ok());
  EXPECT_NE(PlaceOfOnly(), first);
  EXPECT_THAT(All<v1::Assignment>(), SizeIs(1));
}

}  // namespace
}  // namespace perigee::control
