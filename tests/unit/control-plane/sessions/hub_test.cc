#include "control-plane/sessions/hub.h"

#include <gtest/gtest.h>

#include "tests/unit/control-plane/sessions/hub_fixture.h"
#include "tests/unit/control-plane/store/faulty_feeds.h"

namespace perigee::control {
namespace {

class HubTest : public HubFixture {
 protected:
  v1::FromSatellite StatusFor(const std::string& assignment_uid, const std::string& state,
                              uint64_t number = 1) {
    v1::FromSatellite message;
    message.mutable_status()->set_number(number);
    v1::ReplicaStatus& replica = *message.mutable_status()->add_replicas();
    replica.set_assignment_uid(assignment_uid);
    replica.mutable_status()->set_state(state);
    return message;
  }
};

TEST_F(HubTest, StoredEntriesAreSentSignedAndWhatIsAppliedIsRecorded) {
  const std::string uid = AddSatellite("berlin-1");
  StoreEntries(uid, 1, {{"replica/a", "one"}});
  StartHub();
  const auto [id, stream] = Connect(uid);
  EXPECT_EQ(stream->Await([](const auto& m) { return m.has_welcome(); }).welcome().epoch().id(),
            hub_->epoch().id());
  const AppliedState have = Apply(id, uid, {}, stream->AwaitDelta());
  EXPECT_EQ(have.sequence, 1u);
  EXPECT_TRUE(Eventually([&] { return StatusOfSatellite(uid).applied_sequence() == 1; }));
  const v1::SatelliteStatus status = StatusOfSatellite(uid);
  EXPECT_EQ(status.freshness().state(), "live");
  EXPECT_EQ(status.facts().hostname(), "host-of-" + uid);
  EXPECT_EQ(status.certificate_serial(), "serial");
  EXPECT_EQ(hub_->freshness().live(), 1);

  // A new sequence is sent at once, as what differs from what it has.
  StoreEntries(uid, 2, {{"replica/a", "one"}, {"replica/b", "two"}});
  const v1::Delta delta = stream->AwaitDelta();
  EXPECT_EQ(delta.from_sequence(), 1u);
  EXPECT_EQ(delta.puts_size(), 1);
  Apply(id, uid, have, delta);
}

TEST_F(HubTest, OnReconnectOnlyWhatIsMissingIsSent) {
  const std::string uid = AddSatellite("berlin-1");
  StoreEntries(uid, 1, {{"replica/a", "one"}});
  StartHub();
  auto [id, stream] = Connect(uid);
  const AppliedState have = Apply(id, uid, {}, stream->AwaitDelta());
  EXPECT_TRUE(Eventually([&] { return StatusOfSatellite(uid).applied_sequence() == 1; }));
  hub_->Closed(id);
  StoreEntries(uid, 2, {{"replica/a", "one"}, {"replica/b", "two"}});
  const auto again = Connect(uid, have);
  const v1::Delta delta = again.second->AwaitDelta();
  EXPECT_EQ(delta.from_sequence(), 1u);
  EXPECT_EQ(delta.puts_size(), 1);
}

TEST_F(HubTest, TheEndOfASessionIsStaleSinceAndARestartIsUnknown) {
  const std::string uid = AddSatellite("berlin-1");
  StartHub();
  const auto [id, stream] = ConnectLive(uid);
  EXPECT_TRUE(Eventually([&] { return StatusOfSatellite(uid).freshness().state() == "live"; }));
  hub_->Closed(id);
  EXPECT_TRUE(Eventually([&] { return StatusOfSatellite(uid).freshness().state() == "stale"; }));
  EXPECT_EQ(hub_->freshness().live(), 0);
  hub_.reset();
  StartHub();  // nothing is inferred from what was stored
  EXPECT_EQ(StatusOfSatellite(uid).freshness().state(), "unknown");
  EXPECT_EQ(hub_->epoch().number(), 2u);
}

TEST_F(HubTest, SilenceEndsASession) {
  const std::string uid = AddSatellite("berlin-1");
  StartHub();
  const auto [id, stream] = ConnectLive(uid);
  EXPECT_EQ(stream->Await([](const auto& m) { return m.has_goodbye(); }).goodbye().reason(), "Silent");
  EXPECT_TRUE(absl::IsDeadlineExceeded(stream->AwaitEnd()));
  EXPECT_TRUE(Eventually([&] { return HasEvent(uid, "Disconnected"); }));
}

TEST_F(HubTest, StatusIsStoredAndAcknowledged) {
  const std::string uid = AddSatellite("berlin-1");
  const std::string assignment = AddAssignment("web-0", uid);
  StartHub();
  const auto [id, stream] = ConnectLive(uid);
  hub_->Receive(id, StatusFor(assignment, "Ready"));
  EXPECT_EQ(stream->Await([](const auto& m) { return m.has_status_ack(); }).status_ack().number(), 1u);
  EXPECT_TRUE(Eventually([&] { return StatusOfAssignment(assignment).state() == "Ready"; }));
  // One that is already deleted here is passed over, not a reason to end the session.
  hub_->Receive(id, StatusFor("0190a000-0000-7000-8000-00000000dead", "Ready", 2));
  EXPECT_EQ(stream->Await([](const auto& m) { return m.has_status_ack(); }).status_ack().number(), 2u);
}

TEST_F(HubTest, AReportAboutAnotherSatelliteEndsTheSessionAndChangesNothing) {
  const std::string uid = AddSatellite("berlin-1");
  const std::string other = AddSatellite("dublin-1");
  const std::string assignment = AddAssignment("web-0", other);
  StartHub();
  const auto [id, stream] = ConnectLive(uid);
  hub_->Receive(id, StatusFor(assignment, "Ready"));
  EXPECT_TRUE(absl::IsPermissionDenied(stream->AwaitEnd()));
  EXPECT_TRUE(Eventually([&] { return HasEvent(uid, "ForeignReport"); }));
  EXPECT_TRUE(StatusOfAssignment(assignment).state().empty());
}

TEST_F(HubTest, EventsAreDurableWhenAcknowledgedAndOnceOnly) {
  const std::string uid = AddSatellite("berlin-1");
  StartHub();
  const auto [id, stream] = ConnectLive(uid);
  v1::FromSatellite message;
  for (uint64_t sequence : {7, 8}) {
    v1::Event& event = *message.mutable_events()->add_events();
    event.set_sequence(sequence);
    event.set_boot_id("boot");
    event.set_reason("Started");
    event.set_site("a site of its choice");
  }
  for (int twice = 0; twice < 2; ++twice) {
    hub_->Receive(id, message);
    EXPECT_EQ(stream->Await([](const auto& m) { return m.has_events_ack(); }).events_ack().sequence(), 8u);
  }
  const auto events = observation_->Events(uid, 10);
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[0].site(), "berlin");  // the centre's word, not the message's
}

TEST_F(HubTest, ARevokedSatelliteIsEndedAtOnceAndNotTakenAgain) {
  const std::string uid = AddSatellite("berlin-1");
  StartHub();
  const auto [id, stream] = ConnectLive(uid);
  v1::Resource resource;
  resource.mutable_satellite()->CopyFrom(*model_->GetByUid("Satellite", uid));
  resource.mutable_satellite()->mutable_operations()->mutable_revoked()->set_active(true);
  Commit(std::move(resource));
  EXPECT_EQ(stream->Await([](const auto& m) { return m.has_goodbye(); }).goodbye().reason(), "Revoked");
  EXPECT_TRUE(absl::IsPermissionDenied(stream->AwaitEnd()));
  EXPECT_TRUE(deny_list_.Contains(uid));
  EXPECT_TRUE(absl::IsPermissionDenied(Connect(uid).second->AwaitEnd()));
}

TEST_F(HubTest, EveryMessageIsJudgedByTheDenyList) {
  const std::string uid = AddSatellite("berlin-1");
  StartHub();
  const auto [id, stream] = ConnectLive(uid);
  deny_list_.Add(uid);
  v1::FromSatellite heartbeat;
  heartbeat.mutable_heartbeat()->set_number(1);
  hub_->Receive(id, heartbeat);
  EXPECT_TRUE(absl::IsPermissionDenied(stream->AwaitEnd()));
}

TEST_F(HubTest, AnUnknownSatelliteIsSentAway) {
  StartHub();
  EXPECT_TRUE(absl::IsPermissionDenied(Connect("0190a000-0000-7000-8000-00000000beef").second->AwaitEnd()));
}

TEST_F(HubTest, AGhostIsReplacedAndNobodyIsQuarantined) {
  const std::string uid = AddSatellite("berlin-1");
  StartHub();
  const auto old = ConnectLive(uid);
  const auto fresh = Connect(uid);
  old.second->Await([](const auto& m) { return m.has_challenge(); });
  fresh.second->Await([](const auto& m) { return m.has_welcome(); });
  EXPECT_TRUE(absl::IsAborted(old.second->AwaitEnd()));
  EXPECT_FALSE(fresh.second->ended());
  EXPECT_TRUE(Eventually([&] { return StatusOfSatellite(uid).freshness().state() == "live"; }));
  EXPECT_FALSE(HasEvent(uid, "Quarantined"));
}

TEST_F(HubTest, TwoThatAnswerAreBothQuarantined) {
  const std::string uid = AddSatellite("berlin-1");
  StartHub();
  const auto old = ConnectLive(uid);
  const auto fresh = Connect(uid);
  v1::FromSatellite answer;
  answer.mutable_challenge_answer()->set_nonce(
      old.second->Await([](const auto& m) { return m.has_challenge(); }).challenge().nonce());
  hub_->Receive(old.first, answer);
  EXPECT_TRUE(absl::IsPermissionDenied(old.second->AwaitEnd()));
  EXPECT_TRUE(absl::IsPermissionDenied(fresh.second->AwaitEnd()));
  EXPECT_TRUE(Eventually([&] {
    return static_cast<const v1::Satellite&>(*model_->GetByUid("Satellite", uid))
        .operations()
        .quarantined()
        .active();
  }));
  EXPECT_TRUE(Eventually([&] { return HasEvent(uid, "Quarantined"); }));
  EXPECT_TRUE(absl::IsPermissionDenied(Connect(uid).second->AwaitEnd()));
}

TEST_F(HubTest, ASatelliteAheadOfTheStoreIsSentNothing) {
  const std::string uid = AddSatellite("berlin-1");
  StoreEntries(uid, 1, {{"replica/a", "one"}});
  StartHub();
  const auto [id, stream] = Connect(uid, {MakeEpoch(9), 5, std::string(32, 'r'), {}});
  EXPECT_TRUE(stream->Await([](const auto& m) { return m.has_welcome(); }).welcome().recovering());
  EXPECT_TRUE(Eventually([&] { return HasEvent(uid, "Recovering"); }));
  EXPECT_TRUE(Eventually([&] {
    const v1::SatelliteStatus status = StatusOfSatellite(uid);
    for (const v1::Condition& condition : status.conditions()) {
      if (condition.type() == "InStep" && condition.reason() == "Recovering") return true;
    }
    return false;
  }));
}

TEST_F(HubTest, EntriesThatDoNotAddUpAreNotSent) {
  const std::string uid = AddSatellite("berlin-1");
  StoreEntries(uid, 1, {{"replica/a", "one"}});
  ASSERT_TRUE(store_->Commit({.compares = {}, .puts = {}, .deletes = {keys::Entry(uid, "replica/a")}}).ok());
  StartHub();
  EXPECT_TRUE(absl::IsUnavailable(Connect(uid).second->AwaitEnd()));
}

// The readiness of the control plane asks for this.
class HubFollowing : public HubFixture {
 protected:
  HubFollowing() : HubFixture(std::make_unique<FaultyFeeds>(NewMemoryStore(SystemClock()))) {}
  FaultyFeeds& feeds() { return static_cast<FaultyFeeds&>(*store_); }
};

TEST_F(HubFollowing, EntriesThatAreNotFollowedAreToldAndFollowedAgain) {
  const std::string uid = AddSatellite("berlin-1");
  StartHub();
  const auto [id, stream] = ConnectLive(uid);
  EXPECT_TRUE(hub_->Following().ok());
  feeds().Break(std::string(keys::kEntriesPrefix), absl::OutOfRangeError("compacted"));
  ASSERT_TRUE(Eventually([&] { return absl::IsUnavailable(hub_->Following()); }));
  EXPECT_NE(hub_->Following().message().find("compacted"), absl::string_view::npos);
  StoreEntries(uid, 1, {{"replica/a", "one"}});
  feeds().Mend();
  EXPECT_EQ(stream->AwaitDelta().sequence(), 1u) << "what was missed comes";
  EXPECT_TRUE(hub_->Following().ok());
}

TEST_F(HubTest, StoppingSaysGoodbye) {
  const std::string uid = AddSatellite("berlin-1");
  StartHub();
  const auto [id, stream] = ConnectLive(uid);
  hub_->Stop();
  EXPECT_EQ(stream->Await([](const auto& m) { return m.has_goodbye(); }).goodbye().reason(), "ShuttingDown");
  EXPECT_TRUE(absl::IsUnavailable(Connect(uid).second->AwaitEnd()));
}

}  // namespace
}  // namespace perigee::control
