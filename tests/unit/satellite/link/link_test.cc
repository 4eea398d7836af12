#include "satellite/link/link.h"

#include "tests/unit/satellite/link/link_fixture.h"

namespace perigee::satellite {
namespace {

TEST_F(LinkTest, GreetsAndKeepsBeating) {
  StartLink();
  ASSERT_TRUE(centre_.Await([&] { return centre_.heartbeats >= 3; }));
  EXPECT_EQ(centre_.hello.facts().hostname(), "host-1");
  EXPECT_TRUE(AwaitOwner([&] { return owner_.up && owner_.last_answer.count() > 0; }));
}

TEST_F(LinkTest, AppliedIsSaidOnlyAfterPersisting) {
  centre_.deltas = {Signed(4, "A", signer_)};
  StartLink();
  ASSERT_TRUE(centre_.Await([&] { return centre_.applied.sequence() == 4; }));
  EXPECT_EQ(owner_.persisted, 4u);
  EXPECT_EQ(owner_.signed_time, absl::FromUnixSeconds(1'700'000'000));
}

TEST_F(LinkTest, AForeignSignatureIsAlarmedAndChangesNothing) {
  centre_.deltas = {Signed(4, "A", Signer(*PrivateKey::GenerateEcP256()))};
  StartLink();
  ASSERT_TRUE(AwaitOwner([&] { return !owner_.alarms.empty(); }));
  EXPECT_EQ(owner_.alarms.front(), reason::kSignatureInvalid);
  EXPECT_EQ(owner_.persisted, 0u);
}

TEST_F(LinkTest, EverythingIsReportedAfterEachLossAndGoneIsConfirmed) {
  StartLink();
  link_->Report({.replicas = {Status("a"), Status("b", /*gone=*/true)},
                 .conditions = std::nullopt,
                 .everything = true});
  ASSERT_TRUE(AwaitOwner([&] { return owner_.gone == std::vector<std::string>{"b"}; }));
  {
    absl::MutexLock lock(&centre_.mutex);
    centre_.statuses.clear();
    centre_.end_session = true;
  }
  ASSERT_TRUE(centre_.Await([&] { return !centre_.statuses.empty(); }));
  EXPECT_TRUE(centre_.statuses.front().full());
  ASSERT_EQ(centre_.statuses.front().replicas_size(), 1);
  EXPECT_EQ(centre_.statuses.front().replicas(0).assignment_uid(), "a");
}

TEST_F(LinkTest, EventsGoUpInOrderAndLeaveTheOutbox) {
  {
    absl::MutexLock lock(&owner_.mutex);
    for (uint64_t i = 1; i <= 5; ++i) {
      v1::Event event;
      event.set_sequence(i);
      owner_.outbox.push_back(event);
    }
  }
  StartLink();
  EXPECT_TRUE(AwaitOwner([&] { return owner_.outbox.empty(); }));
  {
    absl::MutexLock lock(&owner_.mutex);
    v1::Event event;
    event.set_sequence(6);
    owner_.outbox.push_back(event);
  }
  link_->EventsAdded();
  EXPECT_TRUE(AwaitOwner([&] { return owner_.outbox.empty(); }));
  absl::MutexLock lock(&centre_.mutex);
  EXPECT_EQ(centre_.events.back().sequence(), 6u);
}

TEST_F(LinkTest, ComesBackAfterTheServerWasAway) {
  StartLink();
  ASSERT_TRUE(AwaitOwner([&] { return owner_.up; }));
  StopServer();
  ASSERT_TRUE(AwaitOwner([&] { return !owner_.up; }));
  StartServer();
  EXPECT_TRUE(AwaitOwner([&] { return owner_.up; }));
}

TEST_F(LinkTest, AGoodbyeIsHeeded) {
  {
    absl::MutexLock lock(&centre_.mutex);
    centre_.goodbye.emplace();
    centre_.goodbye->set_reason(std::string(reason::kRevoked));
    centre_.goodbye->set_message("revoked");
    centre_.goodbye->set_retry_after_ms(3'600'000);
  }
  StartLink();
  ASSERT_TRUE(AwaitOwner([&] { return owner_.downs == 1; }));
  EXPECT_EQ(owner_.down_reason, "Revoked: revoked");
  // Not again, for longer than any backoff of its own would take at first.
  EXPECT_FALSE(centre_.Await([&, until = absl::Now() + absl::Seconds(1)] {
    return centre_.sessions > 1 || absl::Now() > until;
  }) && centre_.sessions > 1);
}

TEST_F(LinkTest, EndsQuicklyWhileDialling) {
  StopServer();
  StartLink();
  ASSERT_TRUE(AwaitOwner([&] { return owner_.downs >= 1; }));
  const absl::Time begin = absl::Now();
  link_.reset();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
}

}  // namespace
}  // namespace perigee::satellite
