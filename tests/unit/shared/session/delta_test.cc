#include "shared/session/delta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/limits.h"
#include "tests/unit/shared/session/session_fixture.h"

namespace perigee {
namespace {

using ::testing::ElementsAre;

class DeltaTest : public ::testing::Test {
 protected:
  absl::StatusOr<DeltaPlan> Plan(const AppliedState& have, const v1::Delta& delta) {
    return PlanDelta(have, delta, kUid, {signer_.PublicKey()});
  }
  v1::Delta Snapshot(const v1::Epoch& epoch, uint64_t sequence,
                     const std::map<std::string, std::string>& payloads) {
    return BuildDelta(epoch, *MakeDesired(signer_, epoch, sequence, payloads), nullptr)[0];
  }
  // As a state that has applied this.
  AppliedState Applied(const v1::Epoch& epoch, uint64_t sequence,
                       const std::map<std::string, std::string>& payloads) {
    const DesiredPtr desired = MakeDesired(signer_, epoch, sequence, payloads);
    return {epoch, sequence, desired->signed_root.root(), desired->DigestMap()};
  }

  const TestSigner signer_;
  const v1::Epoch epoch_ = MakeEpoch(2);
};

TEST_F(DeltaTest, SnapshotReplacesEverythingAndKeepsWhatIsEqual) {
  const AppliedState have = Applied(epoch_, 1, {{"a", "1"}, {"b", "2"}});
  const auto plan = Plan(have, Snapshot(epoch_, 2, {{"b", "2"}, {"c", "3"}}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->changes);
  ASSERT_EQ(plan->puts.size(), 1u);  // an unchanged entry means no action
  EXPECT_EQ(plan->puts[0].key(), "c");
  EXPECT_THAT(plan->deletes, ElementsAre("a"));
  EXPECT_EQ(plan->next.sequence, 2u);
}

TEST_F(DeltaTest, DeltaHoldsOnlyWhatDiffers) {
  const DesiredPtr next = MakeDesired(signer_, epoch_, 5, {{"a", "1"}, {"b", "changed"}, {"d", "4"}});
  const AppliedState have = Applied(epoch_, 4, {{"a", "1"}, {"b", "2"}, {"c", "3"}});
  const Base base{4, have.digests};
  const auto parts = BuildDelta(epoch_, *next, &base);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].from_sequence(), 4u);
  EXPECT_EQ(parts[0].puts_size(), 2);
  EXPECT_THAT(parts[0].deletes(), ElementsAre("c"));
  const auto plan = Plan(have, parts[0]);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->next.digests, next->DigestMap());
}

TEST_F(DeltaTest, ANewEpochWithNothingNewChangesTheEpochOnly) {
  const AppliedState have = Applied(epoch_, 4, {{"a", "1"}});
  const v1::Epoch raised = MakeEpoch(3);
  const Base base{4, have.digests};
  const auto parts = BuildDelta(raised, *MakeDesired(signer_, raised, 4, {{"a", "1"}}), &base);
  EXPECT_EQ(parts[0].puts_size(), 0);
  const auto plan = Plan(have, parts[0]);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->puts.empty());
  EXPECT_TRUE(plan->deletes.empty());
  EXPECT_EQ(plan->next.epoch.number(), 3u);
  EXPECT_EQ(plan->next.root, have.root);
}

TEST_F(DeltaTest, TheSameAgainChangesNothing) {
  const AppliedState have = Applied(epoch_, 4, {{"a", "1"}});
  const auto plan = Plan(have, Snapshot(epoch_, 4, {{"a", "1"}}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_FALSE(plan->changes);
}

struct Bad {
  const char* name;
  std::function<void(v1::Delta&)> spoil;  // of a good snapshot, sequence 5 over an applied 4
  bool sign_again;
  absl::StatusCode code;
};

TEST_F(DeltaTest, EveryBadDeltaIsRefusedByItsCode) {
  const auto set_epoch = [](uint64_t number, char id) {
    return [=](v1::Delta& d) { *d.mutable_epoch() = MakeEpoch(number, id); };
  };
  const std::vector<Bad> cases = {
      {"no epoch", [](v1::Delta& d) { d.clear_epoch(); }, true, absl::StatusCode::kInvalidArgument},
      {"short epoch id", [](v1::Delta& d) { d.mutable_epoch()->set_id("short"); }, true,
       absl::StatusCode::kInvalidArgument},
      {"sequence 0", [](v1::Delta& d) { d.set_sequence(0); }, true, absl::StatusCode::kInvalidArgument},
      {"backwards", [](v1::Delta& d) { d.set_from_sequence(6); }, true, absl::StatusCode::kInvalidArgument},
      {"no root", [](v1::Delta& d) { d.mutable_signed_root()->clear_root(); }, false,
       absl::StatusCode::kInvalidArgument},
      {"entry twice", [](v1::Delta& d) { *d.add_puts() = d.puts(0); }, true,
       absl::StatusCode::kInvalidArgument},
      {"put and deleted", [](v1::Delta& d) { d.add_deletes(d.puts(0).key()); }, true,
       absl::StatusCode::kInvalidArgument},
      {"key too long", [](v1::Delta& d) { d.mutable_puts(0)->set_key(std::string(300, 'k')); }, true,
       absl::StatusCode::kInvalidArgument},
      {"unsigned", [](v1::Delta& d) { d.mutable_signed_root()->clear_signature(); }, false,
       absl::StatusCode::kUnauthenticated},
      {"sequence raised without a signature", [](v1::Delta& d) { d.set_sequence(9); }, false,
       absl::StatusCode::kUnauthenticated},
      {"lower sequence", [](v1::Delta& d) { d.set_sequence(3); }, true, absl::StatusCode::kOutOfRange},
      {"lower epoch", set_epoch(1, 'e'), true, absl::StatusCode::kOutOfRange},
      {"equal epoch, other id", set_epoch(2, 'x'), true, absl::StatusCode::kAlreadyExists},
      {"equal pair, other root", [](v1::Delta& d) { d.set_sequence(4); }, true,
       absl::StatusCode::kAlreadyExists},
      {"unknown base", [](v1::Delta& d) { d.set_from_sequence(3); }, true, absl::StatusCode::kAborted},
      {"payload changed", [](v1::Delta& d) { d.mutable_puts(0)->set_payload("forged"); }, true,
       absl::StatusCode::kDataLoss},
      {"payload and digest changed",
       [](v1::Delta& d) { *d.mutable_puts(0) = MakeEntry(d.puts(0).key(), "forged"); }, true,
       absl::StatusCode::kDataLoss},
      {"entry left out", [](v1::Delta& d) { d.mutable_puts()->RemoveLast(); }, true,
       absl::StatusCode::kDataLoss},
  };
  const AppliedState have = Applied(epoch_, 4, {{"a", "1"}});
  for (const Bad& bad : cases) {
    SCOPED_TRACE(bad.name);
    v1::Delta delta = Snapshot(epoch_, 5, {{"a", "2"}, {"b", "3"}});
    ASSERT_TRUE(Plan(have, delta).ok());
    bad.spoil(delta);
    if (bad.sign_again) {
      *delta.mutable_signed_root() = *SignRoot(
          signer_, {kUid, delta.epoch(), delta.sequence(), delta.signed_root().root()}, absl::UnixEpoch());
    }
    EXPECT_EQ(Plan(have, delta).status().code(), bad.code) << Plan(have, delta).status();
  }
}

TEST_F(DeltaTest, LargeDeltasComeInPartsAndInOrder) {
  std::map<std::string, std::string> payloads;
  for (int i = 0; i < 8; ++i) payloads["config/" + std::to_string(i)] = std::string(300 << 10, 'a' + i);
  const auto parts = BuildDelta(epoch_, *MakeDesired(signer_, epoch_, 1, payloads), nullptr);
  ASSERT_GT(parts.size(), 2u);
  for (const v1::Delta& part : parts) EXPECT_LE(part.ByteSizeLong(), limits::kStreamMessageBytes);

  DeltaAssembler assembler;
  for (size_t i = 0; i + 1 < parts.size(); ++i) EXPECT_EQ(*assembler.Add(parts[i]), std::nullopt);
  const auto whole = assembler.Add(parts.back());
  ASSERT_TRUE(whole.ok() && whole->has_value());
  EXPECT_TRUE(Plan({}, **whole).ok());

  EXPECT_TRUE(absl::IsInvalidArgument(assembler.Add(parts[1]).status()));  // the first is missing
  EXPECT_EQ(*assembler.Add(parts[0]), std::nullopt);
  EXPECT_TRUE(absl::IsInvalidArgument(assembler.Add(parts[2]).status()));  // one is left out
  EXPECT_TRUE(absl::IsInvalidArgument(assembler.Add(parts[1]).status()));  // and the begun one is dropped
}

// What may be stored for a satellite can be put together there: the parts add little to the entries.
TEST_F(DeltaTest, PartsAddLittleToWhatTheyCarry) {
  for (const size_t size : {size_t{100}, size_t{300} << 10, size_t{limits::kEntryBytes}}) {
    std::map<std::string, std::string> payloads;
    const size_t count = (size_t{8} << 20) / size;
    for (size_t i = 0; i < std::min<size_t>(count, 5'000); ++i) {
      payloads["config/" + std::to_string(i)] = std::string(size, 'x');
    }
    const DesiredPtr desired = MakeDesired(signer_, epoch_, 1, payloads);
    uint64_t entries = 0, parts = 0;
    for (const auto& [key, entry] : desired->entries) entries += SizeInDelta(entry);
    for (const v1::Delta& part : BuildDelta(epoch_, *desired, nullptr)) {
      parts += part.ByteSizeLong();
      EXPECT_LE(part.ByteSizeLong(), limits::kStreamMessageBytes + 1024) << size;
    }
    EXPECT_LE(parts, entries + entries / 8) << size;  // kDeltaBytes to kSatelliteEntriesBytes
  }
  static_assert(limits::kSatelliteEntriesBytes + limits::kSatelliteEntriesBytes / 8 <= limits::kDeltaBytes);
}

}  // namespace
}  // namespace perigee
