#include "shared/session/centre_core.h"

#include <gtest/gtest.h>

#include "shared/base/limits.h"
#include "tests/unit/shared/session/session_fixture.h"

namespace perigee {
namespace {

using S = CentreSession;

class CentreTest : public ::testing::Test {
 protected:
  static v1::FromSatellite HelloOf(const AppliedState& have) {
    v1::FromSatellite message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol(1);
    if (have.epoch.number() > 0) *hello.mutable_applied_epoch() = have.epoch;
    hello.set_applied_sequence(have.sequence);
    hello.set_applied_root(have.root);
    *hello.mutable_clock() = ToTimestamp(At(0).wall + absl::Seconds(42));
    return message;
  }
  static v1::FromSatellite AppliedOf(const v1::Epoch& epoch, const DesiredEntries& desired) {
    v1::FromSatellite message;
    *message.mutable_applied()->mutable_epoch() = epoch;
    message.mutable_applied()->set_sequence(desired.sequence);
    message.mutable_applied()->set_root(desired.signed_root.root());
    return message;
  }
  S::Effects Greet(const AppliedState& have, DesiredPtr desired, std::optional<Base> base = std::nullopt) {
    EXPECT_EQ(Of<S::Greeted>(core_.Step(S::Received{HelloOf(have)}, At(0.1))).size(), 1u);
    return core_.Step(S::Admit{epoch_, std::move(desired), std::move(base)}, At(0.2));
  }
  static std::vector<v1::Delta> DeltasOf(const S::Effects& effects) {
    std::vector<v1::Delta> deltas;
    for (const S::Send& send : Of<S::Send>(effects)) {
      if (send.message.has_delta()) deltas.push_back(send.message.delta());
    }
    return deltas;
  }

  const TestSigner signer_;
  const v1::Epoch epoch_ = MakeEpoch(5);
  S core_{{.heartbeat_period = absl::Seconds(10)}, At(0)};
};

TEST_F(CentreTest, NothingIsSentBeforeAdmission) {
  const auto effects = core_.Step(S::Received{HelloOf({})}, At(0));
  EXPECT_TRUE(Of<S::Send>(effects).empty());
  EXPECT_TRUE(
      Of<S::Send>(core_.Step(S::DesiredChanged{epoch_, MakeDesired(signer_, epoch_, 1, {{"a", "1"}})}, At(0)))
          .empty());
}

TEST_F(CentreTest, AFreshSatelliteGetsWelcomeAndASnapshot) {
  const auto effects = Greet({}, MakeDesired(signer_, epoch_, 3, {{"a", "1"}}));
  const auto sends = Of<S::Send>(effects);
  ASSERT_EQ(sends.size(), 2u);
  EXPECT_EQ(sends[0].message.welcome().heartbeat_period_ms(), 10'000u);
  EXPECT_FALSE(sends[0].message.welcome().recovering());
  EXPECT_EQ(sends[1].message.delta().from_sequence(), 0u);
  const auto contacts = Of<S::Contact>(effects);
  ASSERT_EQ(contacts.size(), 1u);
  EXPECT_NEAR(*contacts[0].clock_offset_ms, 42'000 - 200, 1);
}

TEST_F(CentreTest, NothingStoredMeansNothingSent) {
  EXPECT_TRUE(DeltasOf(Greet({}, std::make_shared<DesiredEntries>())).empty());
}

TEST_F(CentreTest, OneDeltaIsInFlightAndTheNewestFollows) {
  const DesiredPtr first = MakeDesired(signer_, epoch_, 1, {{"a", "1"}});
  Greet({}, first);
  const DesiredPtr third = MakeDesired(signer_, epoch_, 3, {{"a", "3"}});
  EXPECT_TRUE(
      DeltasOf(core_.Step(S::DesiredChanged{epoch_, MakeDesired(signer_, epoch_, 2, {{"a", "2"}})}, At(1)))
          .empty());
  EXPECT_TRUE(DeltasOf(core_.Step(S::DesiredChanged{epoch_, third}, At(1))).empty());
  const auto effects = core_.Step(S::Received{AppliedOf(epoch_, *first)}, At(2));
  EXPECT_EQ(Of<S::AppliedNow>(effects).size(), 1u);
  const auto deltas = DeltasOf(effects);
  ASSERT_EQ(deltas.size(), 1u);
  EXPECT_EQ(deltas[0].from_sequence(), 1u);
  EXPECT_EQ(deltas[0].sequence(), 3u);
}

TEST_F(CentreTest, AKnownBaseGetsADelta) {
  const DesiredPtr old = MakeDesired(signer_, MakeEpoch(4), 1, {{"a", "1"}});
  const AppliedState have{MakeEpoch(4), 1, old->signed_root.root(), old->DigestMap()};
  const auto deltas =
      DeltasOf(Greet(have, MakeDesired(signer_, epoch_, 2, {{"a", "1"}, {"b", "2"}}), Base{1, have.digests}));
  ASSERT_EQ(deltas.size(), 1u);
  EXPECT_EQ(deltas[0].from_sequence(), 1u);
  EXPECT_EQ(deltas[0].puts_size(), 1);
}

TEST_F(CentreTest, AfterARestartOnlyTheEpochIsSent) {
  const DesiredPtr old = MakeDesired(signer_, MakeEpoch(4), 7, {{"a", "1"}});
  const AppliedState have{MakeEpoch(4), 7, old->signed_root.root(), {}};
  const auto deltas = DeltasOf(Greet(have, MakeDesired(signer_, epoch_, 7, {{"a", "1"}})));
  ASSERT_EQ(deltas.size(), 1u);
  EXPECT_EQ(deltas[0].puts_size(), 0);
  EXPECT_EQ(deltas[0].deletes_size(), 0);
}

struct AheadCase {
  const char* name;
  v1::Epoch epoch;
  uint64_t sequence;
  char root;
};
TEST_F(CentreTest, ASatelliteThatIsAheadIsSentNothing) {
  const DesiredPtr desired = MakeDesired(signer_, epoch_, 3, {{"a", "1"}});
  for (const AheadCase& ahead : std::vector<AheadCase>{{"later epoch", MakeEpoch(6), 1, 'r'},
                                                       {"same epoch of another", MakeEpoch(5, 'x'), 1, 'r'},
                                                       {"later sequence", MakeEpoch(4), 4, 'r'},
                                                       {"same sequence, other root", MakeEpoch(4), 3, 'r'}}) {
    SCOPED_TRACE(ahead.name);
    S core({}, At(0));
    core.Step(S::Received{HelloOf({ahead.epoch, ahead.sequence, std::string(32, ahead.root), {}})}, At(0));
    const auto effects = core.Step(S::Admit{epoch_, desired, std::nullopt}, At(0));
    EXPECT_EQ(Of<S::Ahead>(effects).size(), 1u);
    EXPECT_TRUE(DeltasOf(effects).empty());
    EXPECT_TRUE(Of<S::Send>(effects)[0].message.welcome().recovering());
    EXPECT_TRUE(DeltasOf(core.Step(S::DesiredChanged{epoch_, desired}, At(1))).empty());
    EXPECT_EQ(DeltasOf(core.Step(S::RecoveryApproved{}, At(2))).size(), 1u);
  }
}

// Restored from a copy at sequence 2 of epoch 4, the store has grown past what the satellite has.
TEST_F(CentreTest, ASatelliteStaysAheadWhenTheRestoredStoreHasOvertakenIt) {
  DesiredEntries grown = *MakeDesired(signer_, epoch_, 9, {{"a", "1"}});
  grown.marks = {{MakeEpoch(3), 1}, {MakeEpoch(4), 2}, {epoch_, 9}};
  const auto desired = std::make_shared<const DesiredEntries>(std::move(grown));
  struct Case {
    const char* name;
    v1::Epoch epoch;
    uint64_t sequence;
    bool ahead;
  };
  for (const Case& c :
       std::vector<Case>{{"never stored in that epoch", MakeEpoch(4), 5, true},
                         {"the lost history began the epoch anew", MakeEpoch(4, 'x'), 2, true},
                         {"what the copy had", MakeEpoch(4), 2, false},
                         {"older", MakeEpoch(3), 1, false},
                         {"before the marks begin", MakeEpoch(2), 1, false}}) {
    SCOPED_TRACE(c.name);
    S core({}, At(0));
    core.Step(S::Received{HelloOf({c.epoch, c.sequence, std::string(32, 'r'), {}})}, At(0));
    const auto effects = core.Step(S::Admit{epoch_, desired, std::nullopt}, At(0));
    EXPECT_EQ(Of<S::Ahead>(effects).size(), c.ahead ? 1u : 0u);
    EXPECT_EQ(DeltasOf(effects).empty(), c.ahead);
  }
}

TEST_F(CentreTest, ADeltaThatIsNotTakenIsTriedOnceAsASnapshotThenLeft) {
  const DesiredPtr first = MakeDesired(signer_, epoch_, 1, {{"a", "1"}});
  Greet({}, first);
  core_.Step(S::Received{AppliedOf(epoch_, *first)}, At(1));
  ASSERT_EQ(
      DeltasOf(core_.Step(S::DesiredChanged{epoch_, MakeDesired(signer_, epoch_, 2, {{"b", "2"}})}, At(2)))
          .size(),
      1u);
  auto effects = core_.Step(S::Received{AppliedOf(epoch_, *first)}, At(3));
  ASSERT_EQ(DeltasOf(effects).size(), 1u);
  EXPECT_EQ(DeltasOf(effects)[0].from_sequence(), 0u);
  effects = core_.Step(S::Received{AppliedOf(epoch_, *first)}, At(4));
  EXPECT_TRUE(DeltasOf(effects).empty());
  EXPECT_EQ(Of<S::Alarm>(effects).size(), 1u);
  EXPECT_EQ(
      DeltasOf(core_.Step(S::DesiredChanged{epoch_, MakeDesired(signer_, epoch_, 3, {{"c", "3"}})}, At(5)))
          .size(),
      1u);
}

TEST_F(CentreTest, HeartbeatsAreEchoedAndSilenceEndsTheSession) {
  Greet({}, std::make_shared<DesiredEntries>());
  v1::FromSatellite heartbeat;
  heartbeat.mutable_heartbeat()->set_number(9);
  heartbeat.mutable_heartbeat()->set_boottime_ns(1234);
  const auto sends = Of<S::Send>(core_.Step(S::Received{heartbeat}, At(9)));
  ASSERT_EQ(sends.size(), 1u);
  EXPECT_EQ(sends[0].message.heartbeat_ack().number(), 9u);
  EXPECT_EQ(sends[0].message.heartbeat_ack().boottime_ns(), 1234u);
  EXPECT_TRUE(Of<S::Close>(core_.Step(S::Tick{}, At(38))).empty());
  const auto effects = core_.Step(S::Tick{}, At(39));
  ASSERT_EQ(Of<S::Close>(effects).size(), 1u);
  EXPECT_EQ(Of<S::Send>(effects)[0].message.goodbye().reason(), "Silent");
  EXPECT_TRUE(core_.ended());
  EXPECT_TRUE(core_.Step(S::Received{heartbeat}, At(40)).empty());
}

TEST_F(CentreTest, AStreamWithoutAGreetingEnds) {
  EXPECT_TRUE(Of<S::Close>(core_.Step(S::Tick{}, At(9))).empty());
  EXPECT_EQ(Of<S::Close>(core_.Step(S::Tick{}, At(10))).size(), 1u);
}

TEST_F(CentreTest, StatusAndEventsAreAcknowledgedOnceStored) {
  Greet({}, std::make_shared<DesiredEntries>());
  v1::FromSatellite message;
  message.mutable_status()->set_number(1);
  auto effects = core_.Step(S::Received{message}, At(1));
  EXPECT_EQ(Of<S::StoreStatus>(effects).size(), 1u);
  EXPECT_TRUE(Of<S::Send>(effects).empty());
  EXPECT_EQ(Of<S::Send>(core_.Step(S::StatusStored{1}, At(1)))[0].message.status_ack().number(), 1u);
  v1::FromSatellite events;
  events.mutable_events()->add_events()->set_sequence(17);
  EXPECT_EQ(Of<S::StoreEvents>(core_.Step(S::Received{events}, At(1))).size(), 1u);
  EXPECT_EQ(Of<S::Send>(core_.Step(S::EventsStored{17}, At(1)))[0].message.events_ack().sequence(), 17u);
}

TEST_F(CentreTest, ViolationsEndTheSession) {
  using Spoil = std::function<std::vector<v1::FromSatellite>()>;
  const auto status = [](bool full, size_t bytes) {
    v1::FromSatellite message;
    message.mutable_status()->set_full(full);
    message.mutable_status()->add_replicas()->mutable_status()->set_message(std::string(bytes, 'x'));
    return message;
  };
  v1::FromSatellite many;
  for (int i = 0; i <= limits::kEventBatch; ++i) many.mutable_events()->add_events();
  v1::FromSatellite one;
  one.mutable_events()->add_events();
  const std::vector<std::pair<const char*, Spoil>> cases = {
      {"second greeting", [&] { return std::vector{HelloOf({})}; }},
      {"large status", [&] { return std::vector{status(false, 200 << 10)}; }},
      {"large full status", [&] { return std::vector{status(true, 2 << 20)}; }},
      {"status twice", [&] { return std::vector{status(true, 1), status(false, 1)}; }},
      {"many events", [&] { return std::vector{many}; }},
      {"events twice", [&] { return std::vector{one, one}; }},
  };
  for (const auto& [name, messages] : cases) {
    SCOPED_TRACE(name);
    S core({}, At(0));
    core.Step(S::Received{HelloOf({})}, At(0));
    core.Step(S::Admit{epoch_, std::make_shared<DesiredEntries>(), std::nullopt}, At(0));
    S::Effects last;
    for (const v1::FromSatellite& message : messages()) last = core.Step(S::Received{message}, At(1));
    ASSERT_EQ(Of<S::Close>(last).size(), 1u);
    EXPECT_EQ(Of<S::Close>(last)[0].status.code(), absl::StatusCode::kInvalidArgument);
  }
  S core({}, At(0));
  EXPECT_EQ(Of<S::Close>(core.Step(S::Received{one}, At(0))).size(), 1u) << "before the greeting";
}

TEST_F(CentreTest, AnotherProtocolIsSentAway) {
  v1::FromSatellite hello = HelloOf({});
  hello.mutable_hello()->set_protocol(2);
  const auto effects = core_.Step(S::Received{hello}, At(0));
  EXPECT_EQ(Of<S::Send>(effects)[0].message.goodbye().reason(), "ProtocolUnknown");
  EXPECT_EQ(Of<S::Close>(effects).size(), 1u);
}

}  // namespace
}  // namespace perigee
