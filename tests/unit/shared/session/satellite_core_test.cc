#include "shared/session/satellite_core.h"

#include <set>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "tests/unit/shared/session/session_fixture.h"

namespace perigee {
namespace {

using S = SatelliteSession;

class SatelliteTest : public ::testing::Test {
 protected:
  S::Effects Welcome(double at = 1) {
    core_.Step(S::Connected{}, At(at));
    v1::FromControlPlane message;
    message.mutable_welcome()->set_heartbeat_period_ms(10'000);
    message.mutable_welcome()->set_heartbeat_phase_ms(4'000);
    return core_.Step(S::Received{message}, At(at));
  }
  S::Effects Give(const v1::Delta& delta, double at = 2) {
    v1::FromControlPlane message;
    *message.mutable_delta() = delta;
    return core_.Step(S::Received{message}, At(at));
  }
  S::Effects GiveAll(const std::vector<v1::Delta>& parts) {
    S::Effects last;
    for (const v1::Delta& part : parts) last = Give(part);
    return last;
  }
  static std::vector<v1::FromSatellite> Sent(const S::Effects& effects) {
    std::vector<v1::FromSatellite> sent;
    for (const S::Send& send : Of<S::Send>(effects)) sent.push_back(send.message);
    return sent;
  }
  static v1::ReplicaStatus Replica(const std::string& uid, const std::string& state) {
    v1::ReplicaStatus replica;
    replica.set_assignment_uid(uid);
    replica.mutable_status()->set_state(state);
    return replica;
  }
  S::Effects AckStatus(uint64_t number) {
    v1::FromControlPlane ack;
    ack.mutable_status_ack()->set_number(number);
    return core_.Step(S::Received{ack}, At(3));
  }

  const TestSigner signer_;
  const v1::Epoch epoch_ = MakeEpoch(2);
  S core_{{.satellite_uid = kUid, .delivery_keys = {signer_.PublicKey()}}, {}};
};

TEST_F(SatelliteTest, GreetsWithWhatIsApplied) {
  S core({.satellite_uid = kUid}, {epoch_, 7, std::string(32, 'r'), {}});
  S::Connected connected;
  connected.hello.mutable_facts()->set_hostname("h");
  const auto sent = Sent(core.Step(connected, At(1)));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].hello().protocol(), 1u);
  EXPECT_EQ(sent[0].hello().applied_sequence(), 7u);
  EXPECT_EQ(sent[0].hello().applied_epoch().number(), 2u);
  EXPECT_EQ(sent[0].hello().facts().hostname(), "h");
  EXPECT_GT(sent[0].hello().features_size(), 0);
}

TEST_F(SatelliteTest, SaysNothingBeforeWelcome) {
  core_.Step(S::Connected{}, At(1));
  S::StatusChanged status;
  status.everything = true;
  EXPECT_TRUE(core_.Step(status, At(1)).empty());
  EXPECT_FALSE(core_.wants_events());
  const auto effects = Give(BuildDelta(epoch_, *MakeDesired(signer_, epoch_, 1, {{"a", "1"}}), nullptr)[0]);
  EXPECT_EQ(Of<S::CloseStream>(effects).size(), 1u);
}

TEST_F(SatelliteTest, AppliedIsSaidOnlyOncePersisted) {
  Welcome();
  const DesiredPtr desired =
      MakeDesired(signer_, epoch_, 1, {{"a", Payload({"wings"}, "n").SerializeAsString()}});
  const auto effects = GiveAll(BuildDelta(epoch_, *desired, nullptr));
  ASSERT_EQ(Of<S::Persist>(effects).size(), 1u);
  EXPECT_TRUE(Sent(effects).empty());
  EXPECT_EQ(core_.applied().sequence, 0u);
  const auto sent = Sent(core_.Step(S::Persisted{true}, At(3)));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].applied().sequence(), 1u);
  ASSERT_EQ(sent[0].applied().refused_size(), 1);
  EXPECT_EQ(sent[0].applied().refused(0).reason(), "AgentTooOld");
  EXPECT_EQ(core_.applied().sequence, 1u);
}

TEST_F(SatelliteTest, AFailedWriteChangesNothingAndReconnects) {
  Welcome();
  GiveAll(BuildDelta(epoch_, *MakeDesired(signer_, epoch_, 1, {{"a", "1"}}), nullptr));
  const auto effects = core_.Step(S::Persisted{false}, At(3));
  EXPECT_EQ(Of<S::CloseStream>(effects).size(), 1u);
  EXPECT_EQ(core_.applied().sequence, 0u);
}

TEST_F(SatelliteTest, ADeltaDuringAWriteWaitsAndTheNewestWins) {
  Welcome();
  GiveAll(BuildDelta(epoch_, *MakeDesired(signer_, epoch_, 1, {{"a", "1"}}), nullptr));
  EXPECT_TRUE(GiveAll(BuildDelta(epoch_, *MakeDesired(signer_, epoch_, 2, {{"a", "2"}}), nullptr)).empty());
  EXPECT_TRUE(GiveAll(BuildDelta(epoch_, *MakeDesired(signer_, epoch_, 3, {{"a", "3"}}), nullptr)).empty());
  const auto effects = core_.Step(S::Persisted{true}, At(3));
  ASSERT_EQ(Of<S::Persist>(effects).size(), 1u);
  EXPECT_EQ(Of<S::Persist>(effects)[0].plan.next.sequence, 3u);
}

TEST_F(SatelliteTest, ABadDeltaIsAnsweredWithWhatIsAndAlarmed) {
  Welcome();
  GiveAll(BuildDelta(epoch_, *MakeDesired(signer_, epoch_, 5, {{"a", "1"}}), nullptr));
  core_.Step(S::Persisted{true}, At(2));
  const v1::Epoch other = MakeEpoch(2, 'x');
  const TestSigner stranger;
  const std::vector<std::tuple<const char*, v1::Delta, const char*>> cases = {
      {"old", BuildDelta(epoch_, *MakeDesired(signer_, epoch_, 4, {}), nullptr)[0], "DeliveryOld"},
      {"two with one epoch", BuildDelta(other, *MakeDesired(signer_, other, 9, {}), nullptr)[0],
       "EpochConflict"},
      {"forged", BuildDelta(epoch_, *MakeDesired(stranger, epoch_, 9, {}), nullptr)[0], "SignatureInvalid"},
  };
  for (const auto& [name, delta, reason] : cases) {
    SCOPED_TRACE(name);
    const auto effects = Give(delta);
    ASSERT_EQ(Of<S::Alarm>(effects).size(), 1u);
    EXPECT_EQ(Of<S::Alarm>(effects)[0].reason, reason);
    ASSERT_EQ(Sent(effects).size(), 1u);
    EXPECT_EQ(Sent(effects)[0].applied().sequence(), 5u);
  }
  const Base base{4, {}};
  const auto resync = Give(BuildDelta(epoch_, *MakeDesired(signer_, epoch_, 6, {{"a", "2"}}), &base)[0]);
  EXPECT_TRUE(Of<S::Alarm>(resync).empty());
  EXPECT_EQ(Sent(resync)[0].applied().sequence(), 5u);
}

TEST_F(SatelliteTest, TheAnswerCountsFromTheSendingOfItsHeartbeat) {
  const auto welcome = Sent(Welcome(1));
  ASSERT_EQ(welcome.size(), 1u);  // a heartbeat at once
  const uint64_t first = welcome[0].heartbeat().number();
  const auto second = Sent(core_.Step(S::Tick{}, At(15)));
  ASSERT_EQ(second.size(), 1u);
  v1::FromControlPlane ack;
  ack.mutable_heartbeat_ack()->set_number(first);
  ack.mutable_heartbeat_ack()->set_boottime_ns(999);  // not believed: the centre only echoes
  const auto answered = Of<S::HeartbeatAnswered>(core_.Step(S::Received{ack}, At(20)));
  ASSERT_EQ(answered.size(), 1u);
  EXPECT_EQ(answered[0].sent_at, At(1).boottime);
  EXPECT_TRUE(core_.Step(S::Received{ack}, At(21)).empty());  // twice is once
}

TEST_F(SatelliteTest, UnansweredHeartbeatsEndTheStream) {
  Welcome(0);
  for (double at = 4; at < 30; at += 1)
    EXPECT_TRUE(Of<S::CloseStream>(core_.Step(S::Tick{}, At(at))).empty()) << at;
  EXPECT_EQ(Of<S::CloseStream>(core_.Step(S::Tick{}, At(30))).size(), 1u);
  EXPECT_FALSE(core_.up());
  core_.Step(S::Connected{}, At(40));
  EXPECT_EQ(Of<S::CloseStream>(core_.Step(S::Tick{}, At(60))).size(), 1u) << "no Welcome";
}

TEST_F(SatelliteTest, TheFirstStatusOfASessionIsFullAndOneIsInFlight) {
  Welcome();
  EXPECT_TRUE(Sent(core_.Step(S::StatusChanged{.replicas = {Replica("a", "Ready")}}, At(2))).empty())
      << "nothing before the agent has said everything once";
  S::StatusChanged everything;
  everything.replicas = {Replica("a", "Ready"), Replica("b", "Starting")};
  everything.everything = true;
  auto sent = Sent(core_.Step(everything, At(2)));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].status().full());
  EXPECT_EQ(sent[0].status().replicas_size(), 2);
  EXPECT_TRUE(Sent(core_.Step(S::StatusChanged{.replicas = {Replica("b", "Running")}}, At(2))).empty());
  EXPECT_TRUE(Sent(core_.Step(S::StatusChanged{.replicas = {Replica("b", "Ready")}}, At(2))).empty());
  sent = Sent(AckStatus(sent[0].status().number()));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_FALSE(sent[0].status().full());
  ASSERT_EQ(sent[0].status().replicas_size(), 1);
  EXPECT_EQ(sent[0].status().replicas(0).status().state(), "Ready");
}

TEST_F(SatelliteTest, AConditionDoesNotWaitForTheReplicas) {
  Welcome();
  S::StatusChanged down;
  down.conditions.emplace().emplace_back().set_type("LauncherAvailable");
  auto sent = Sent(core_.Step(down, At(2)));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_FALSE(sent[0].status().full()) << "what is there is not known yet";
  EXPECT_EQ(sent[0].status().conditions_size(), 1);
  S::StatusChanged everything;
  everything.replicas = {Replica("a", "Ready")};
  everything.everything = true;
  EXPECT_TRUE(Sent(core_.Step(everything, At(3))).empty());
  sent = Sent(AckStatus(sent[0].status().number()));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].status().full());
  EXPECT_EQ(sent[0].status().replicas_size(), 1);
}

// However many replicas fail at length at once: no message is larger than the control plane takes.
TEST_F(SatelliteTest, AFullStatusThatIsTooLargeForOneMessageComesInSeveral) {
  Welcome();
  S::StatusChanged everything;
  everything.everything = true;
  for (int i = 0; i < 500; ++i) {
    everything.replicas.push_back(Replica(absl::StrCat("r", i), "Ready"));
    everything.replicas.back().mutable_status()->set_message(std::string(4096, 'x'));
  }
  std::set<std::string> told;
  auto sent = Sent(core_.Step(everything, At(2)));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].status().full());
  EXPECT_EQ(sent[0].status().present_size(), 500);
  while (!sent.empty()) {
    EXPECT_LE(sent[0].status().ByteSizeLong(),
              sent[0].status().full() ? limits::kStreamMessageBytes : 2 * limits::kStatusMessageBytes);
    for (const v1::ReplicaStatus& replica : sent[0].status().replicas())
      told.insert(replica.assignment_uid());
    sent = Sent(AckStatus(sent[0].status().number()));
  }
  EXPECT_EQ(told.size(), 500u);
}

TEST_F(SatelliteTest, WhatWasNotAcknowledgedIsSaidAgainAndTheGoneOnlyOnce) {
  S::StatusChanged everything;
  everything.replicas = {Replica("a", "Ready"), Replica("b", "Ready")};
  everything.everything = true;
  core_.Step(everything, At(0));
  auto sent = Sent(Welcome());
  AckStatus(sent.back().status().number());
  v1::ReplicaStatus gone = Replica("b", "Stopped");
  gone.set_gone(true);
  ASSERT_EQ(Sent(core_.Step(S::StatusChanged{.replicas = {gone}}, At(2))).size(), 1u);
  core_.Step(S::Disconnected{}, At(3));
  sent = Sent(Welcome(4));
  ASSERT_EQ(sent.back().status().replicas_size(), 2);
  EXPECT_TRUE(sent.back().status().replicas(1).gone());
  AckStatus(sent.back().status().number());
  core_.Step(S::Disconnected{}, At(5));
  sent = Sent(Welcome(6));
  EXPECT_EQ(sent.back().status().replicas_size(), 1);
}

TEST_F(SatelliteTest, EventsOneBatchAtATime) {
  Welcome();
  S::OutboxBatch batch;
  batch.batch.add_events()->set_sequence(4);
  EXPECT_TRUE(core_.wants_events());
  EXPECT_EQ(Sent(core_.Step(batch, At(2))).size(), 1u);
  EXPECT_FALSE(core_.wants_events());
  EXPECT_TRUE(core_.Step(batch, At(2)).empty());
  v1::FromControlPlane ack;
  ack.mutable_events_ack()->set_sequence(4);
  EXPECT_EQ(Of<S::EventsStored>(core_.Step(S::Received{ack}, At(2)))[0].sequence, 4u);
  EXPECT_TRUE(core_.wants_events());
}

TEST_F(SatelliteTest, ChallengesAreAnsweredAndGoodbyesFollowed) {
  Welcome();
  v1::FromControlPlane challenge;
  challenge.mutable_challenge()->set_nonce("n");
  EXPECT_EQ(Sent(core_.Step(S::Received{challenge}, At(2)))[0].challenge_answer().nonce(), "n");
  v1::FromControlPlane goodbye;
  goodbye.mutable_goodbye()->set_retry_after_ms(5000);
  const auto closed = Of<S::CloseStream>(core_.Step(S::Received{goodbye}, At(3)));
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].retry_after, absl::Seconds(5));
  EXPECT_TRUE(core_.Step(S::Received{challenge}, At(4)).empty())
      << "a stream that was given up does not answer";
}

// Whether this identity is of no use, or only the moment.
TEST_F(SatelliteTest, AGoodbyeToTheIdentityIsARefusal) {
  for (const auto& [reason, code] : {std::pair("Revoked", absl::StatusCode::kPermissionDenied),
                                     std::pair("Quarantined", absl::StatusCode::kPermissionDenied),
                                     std::pair("ShuttingDown", absl::StatusCode::kUnavailable)}) {
    Welcome();
    v1::FromControlPlane goodbye;
    goodbye.mutable_goodbye()->set_reason(reason);
    const auto closed = Of<S::CloseStream>(core_.Step(S::Received{goodbye}, At(3)));
    ASSERT_EQ(closed.size(), 1u) << reason;
    EXPECT_EQ(closed[0].why.code(), code) << reason;
  }
}

}  // namespace
}  // namespace perigee
