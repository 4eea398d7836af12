#include "control-plane/sessions/epoch.h"

#include <gtest/gtest.h>

#include "control-plane/sessions/freshness.h"
#include "control-plane/sessions/satellite_record.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/memory_store.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/failpoint.h"

namespace perigee::control {
namespace {

TEST(Epoch, RisesWithEachStartAndHasAnotherId) {
  const auto store = NewMemoryStore(SystemClock());
  const auto first = RaiseEpoch(*store, SystemRandom());
  const auto second = RaiseEpoch(*store, SystemRandom());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->number(), 1u);
  EXPECT_EQ(second->number(), 2u);
  EXPECT_EQ(second->id().size(), 16u);
  EXPECT_NE(first->id(), second->id());
}

TEST(Epoch, IsCommittedBeforeItIsUsedAndNeverStartsOver) {
  const auto store = NewMemoryStore(SystemClock());
  ASSERT_TRUE(RaiseEpoch(*store, SystemRandom()).ok());
  ArmFailpoints("sessions.epoch.before_commit=error");
  EXPECT_FALSE(RaiseEpoch(*store, SystemRandom()).ok());
  ArmFailpoints("");
  EXPECT_EQ(RaiseEpoch(*store, SystemRandom())->number(), 2u);
  ASSERT_TRUE(store->Commit({.compares = {}, .puts = {{keys::Epoch(), "\xff\xff"}}, .deletes = {}}).ok());
  EXPECT_TRUE(absl::IsDataLoss(RaiseEpoch(*store, SystemRandom()).status()));
}

TEST(Freshness, IsOfALiveSessionOnly) {
  FreshnessBook book(absl::FromUnixSeconds(100));
  EXPECT_EQ(book.Of("u").state(), "unknown");
  EXPECT_EQ(book.Of("u").since().seconds(), 100);
  book.Contact("u", absl::FromUnixSeconds(150));  // without a session it is nothing
  EXPECT_EQ(book.Of("u").state(), "unknown");
  book.Live("u", absl::FromUnixSeconds(200));
  book.Contact("u", absl::FromUnixSeconds(260));
  EXPECT_EQ(book.Of("u").state(), "live");
  EXPECT_EQ(book.Of("u").since().seconds(), 200);
  EXPECT_EQ(book.live(), 1);
  book.Stale("u");
  book.Stale("u");
  EXPECT_EQ(book.Of("u").state(), "stale");
  EXPECT_EQ(book.Of("u").since().seconds(), 260);
  EXPECT_EQ(book.live(), 0);
  v1::Assignment assignment;
  assignment.mutable_spec()->set_satellite_uid("u");
  book.AddTo(assignment);
  EXPECT_EQ(assignment.status().freshness().state(), "stale");
  book.Forget("u");
  EXPECT_EQ(book.Of("u").state(), "unknown");
}

TEST(SatelliteRecord, AConditionKeepsItsTimeWhileItsStatusStays) {
  SatelliteRecord record;
  EXPECT_TRUE(record.SetCondition("Connected", true, "Connected", "", absl::FromUnixSeconds(1)));
  EXPECT_FALSE(record.SetCondition("Connected", true, "Connected", "", absl::FromUnixSeconds(2)));
  EXPECT_TRUE(record.SetCondition("Connected", true, "Connected", "other words", absl::FromUnixSeconds(3)));
  EXPECT_EQ(record.conditions["Connected"].last_transition().seconds(), 1);
  EXPECT_TRUE(record.SetCondition("Connected", false, "Disconnected", "", absl::FromUnixSeconds(4)));
  EXPECT_EQ(record.conditions["Connected"].last_transition().seconds(), 4);
}

TEST(SatelliteRecord, WhatOthersWriteStays) {
  SatelliteRecord record;
  record.sealing_certificate = "new";
  record.applied_sequence = 3;
  record.SetCondition("Connected", true, "Connected", "", absl::FromUnixSeconds(1));
  v1::SatelliteStatus before;
  before.set_sealing_certificate("first");
  before.set_certificate_serial("ab");
  before.add_conditions()->set_type("CertificateValid");
  const v1::SatelliteStatus status = StatusOf(record, before, {}, absl::InfinitePast());
  EXPECT_EQ(status.sealing_certificate(), "first");
  EXPECT_EQ(status.certificate_serial(), "ab");
  EXPECT_EQ(status.applied_sequence(), 3u);
  EXPECT_EQ(status.conditions_size(), 2);
}

}  // namespace
}  // namespace perigee::control
