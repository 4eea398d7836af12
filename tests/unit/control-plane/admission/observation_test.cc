#include "control-plane/admission/observation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control-plane/store/keys.h"
#include "control-plane/store/memory_store.h"
#include "control-plane/watch/codec.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

using ::testing::ElementsAre;

class ObservationTest : public ::testing::Test {
 protected:
  void PutSite(const std::string& uid) {
    v1::Site site;
    site.mutable_metadata()->set_name("berlin");
    site.mutable_metadata()->set_uid(uid);
    ASSERT_TRUE(store_->Commit({.puts = {{keys::Intent("Site", "", "berlin"), EncodeIntent(site)}}}).ok());
  }
  static v1::SiteStatus Status(int satellites) {
    v1::SiteStatus status;
    status.set_satellites(satellites);
    return status;
  }
  absl::StatusOr<Record> Stored(const std::string& uid) { return store_->Get(keys::Status("Site", uid)); }
  int Satellites(const std::string& uid) {
    v1::SiteStatus status;
    const auto record = Stored(uid);
    return record.ok() && status.ParseFromString(record->value) ? status.satellites() : -1;
  }

  static v1::Event MakeEvent(const std::string& object, uint64_t sequence) {
    v1::Event event;
    event.mutable_metadata()->set_uid(EventUid("sat", "boot", sequence));
    event.mutable_object()->set_uid(object);
    event.set_sequence(sequence);
    return event;
  }
  std::vector<uint64_t> Sequences(const std::string& object, int limit = 1000) {
    std::vector<uint64_t> sequences;
    const std::vector<v1::Event> events = *door_->Events(object, limit);
    for (const v1::Event& event : events) sequences.push_back(event.sequence());
    return sequences;
  }
  size_t StoredEvents() { return store_->List(keys::kEventPrefix, 1000, "")->records.size(); }
  void Reopen() {
    door_.reset();
    door_ = *Observation::Open(*store_, *model_, clock_, random_);
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  SeededRandom random_{1};
  std::unique_ptr<Store> store_ = NewMemoryStore(clock_);
  std::unique_ptr<Model> model_ = *Model::Start(*store_);
  std::unique_ptr<Observation> door_ = *Observation::Open(*store_, *model_, clock_, random_);
};

TEST_F(ObservationTest, NewestStatusIsWritten) {
  PutSite("u1");
  for (int i = 1; i <= 100; ++i) ASSERT_TRUE(door_->PutStatus("Site", "u1", Status(i)).ok());
  ASSERT_TRUE(door_->Flush(absl::Seconds(30)).ok());
  EXPECT_EQ(Satellites("u1"), 100);
}

TEST_F(ObservationTest, SameStatusIsNotWrittenAgain) {
  PutSite("u1");
  ASSERT_TRUE(door_->PutStatus("Site", "u1", Status(3)).ok());
  ASSERT_TRUE(door_->Flush(absl::Seconds(30)).ok());
  const int64_t revision = store_->Revision();
  ASSERT_TRUE(door_->PutStatus("Site", "u1", Status(3)).ok());
  ASSERT_TRUE(door_->Flush(absl::Seconds(30)).ok());
  EXPECT_EQ(store_->Revision(), revision);
}

TEST_F(ObservationTest, StatusOfWhatIsGoneIsDropped) {
  ASSERT_TRUE(door_->PutStatus("Site", "u1", Status(3)).ok());
  ASSERT_TRUE(door_->Flush(absl::Seconds(30)).ok());
  EXPECT_TRUE(absl::IsNotFound(Stored("u1").status()));
}

TEST_F(ObservationTest, RefusesWhatIsNotAStatusOfTheKind) {
  EXPECT_TRUE(absl::IsInvalidArgument(door_->PutStatus("Site", "u1", v1::SatelliteStatus())));
  EXPECT_TRUE(absl::IsInvalidArgument(door_->PutStatus("Planet", "u1", Status(1))));
  EXPECT_TRUE(absl::IsInvalidArgument(door_->PutStatus("Site", "", Status(1))));
  EXPECT_TRUE(absl::IsInvalidArgument(door_->PutStatus("Site", "../u", Status(1))));
  v1::SiteStatus large;
  large.add_conditions()->set_message(std::string(limits::kConfigBytes, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(door_->PutStatus("Site", "u1", large)));
}

TEST_F(ObservationTest, FailedWriteIsTriedAgainUnlessThereIsANewerOne) {
  PutSite("u1");
  ArmFailpoints("observation.before_commit=error");
  ASSERT_TRUE(door_->PutStatus("Site", "u1", Status(1)).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(door_->Flush(absl::Milliseconds(50))));
  ASSERT_TRUE(door_->PutStatus("Site", "u1", Status(2)).ok());
  ArmFailpoints("");
  ASSERT_TRUE(door_->Flush(absl::Seconds(30)).ok());
  EXPECT_EQ(Satellites("u1"), 2);
}

TEST_F(ObservationTest, IntentThatMovesMeanwhileCostsNothing) {
  for (int i = 1; i <= 50; ++i) {
    PutSite("u1");  // another revision of intent each time
    ASSERT_TRUE(door_->PutStatus("Site", "u1", Status(i)).ok());
  }
  ASSERT_TRUE(door_->Flush(absl::Seconds(30)).ok());
  EXPECT_EQ(Satellites("u1"), 50);
}

TEST_F(ObservationTest, EventsAreThereOnceHoweverOftenTheyCome) {
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 1), MakeEvent("a", 2), MakeEvent("a", 2)}).ok());
  const int64_t revision = store_->Revision();
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 1), MakeEvent("a", 2)}).ok());
  EXPECT_EQ(store_->Revision(), revision);
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 2), MakeEvent("a", 3), MakeEvent("b", 4)}).ok());
  EXPECT_THAT(Sequences("a"), ElementsAre(3, 2, 1));
  EXPECT_THAT(Sequences(""), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(Sequences("", 2), ElementsAre(4, 3));
  Reopen();
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 3)}).ok());
  EXPECT_THAT(Sequences("a"), ElementsAre(3, 2, 1));
}

TEST_F(ObservationTest, EventUidsDependOnEachPart) {
  const std::set<std::string> uids = {EventUid("s", "b", 1), EventUid("t", "b", 1), EventUid("s", "c", 1),
                                      EventUid("s", "b", 2)};
  EXPECT_EQ(uids.size(), 4u);
  EXPECT_EQ(EventUid("s", "b", 1), EventUid("s", "b", 1));
}

TEST_F(ObservationTest, AnUnwrittenEventIsNotAcknowledged) {
  ArmFailpoints("store.commit=error");
  EXPECT_FALSE(door_->PutEvents({MakeEvent("a", 1)}).ok());
  ArmFailpoints("");
  EXPECT_TRUE(Sequences("a").empty());
  EXPECT_TRUE(door_->PutEvents({MakeEvent("a", 1)}).ok());
  EXPECT_THAT(Sequences("a"), ElementsAre(1));
}

TEST_F(ObservationTest, AnObjectKeepsItsNewestEvents) {
  for (uint64_t from = 1; from <= 250; from += 50) {
    std::vector<v1::Event> batch = {MakeEvent("other", 1000 + from)};
    for (uint64_t i = 0; i < 50; ++i) batch.push_back(MakeEvent("a", from + i));
    ASSERT_TRUE(door_->PutEvents(batch).ok());
    clock_.Advance(absl::Seconds(1));
  }
  const std::vector<uint64_t> kept = Sequences("a");
  ASSERT_EQ(kept.size(), 100u);
  EXPECT_EQ(kept.front(), 250u);
  EXPECT_EQ(kept.back(), 151u);
  EXPECT_EQ(Sequences("other").size(), 5u);
  EXPECT_EQ(store_->List(keys::kEventPrefix, 1000, "")->records.size(), 105u);
  // More at once than are kept.
  std::vector<v1::Event> flood;
  for (uint64_t i = 0; i < limits::kEventBatch; ++i) flood.push_back(MakeEvent("a", 2000 + i));
  ASSERT_TRUE(door_->PutEvents(flood).ok());
  EXPECT_EQ(Sequences("a").size(), 100u);
  flood.push_back(MakeEvent("a", 9999));
  EXPECT_TRUE(absl::IsInvalidArgument(door_->PutEvents(flood)));
}

TEST_F(ObservationTest, EventsGoAfterSevenDays) {
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 1)}).ok());
  clock_.Advance(absl::Hours(24 * 6));
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 2)}).ok());
  clock_.Advance(absl::Hours(25));
  door_.reset();  // the sweep is part of every run, the last one included
  EXPECT_EQ(store_->List(keys::kEventPrefix, 1000, "")->records.size(), 1u);
}

TEST_F(ObservationTest, AClockThatJumpedForwardDeletesNothing) {
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 1)}).ok());
  clock_.Step(absl::Hours(24 * 400));
  door_.reset();  // sweeps
  EXPECT_EQ(StoredEvents(), 1u);
  Reopen();  // nor after a start, which has seen no jump
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 2)}).ok());
  door_.reset();
  EXPECT_EQ(StoredEvents(), 2u);
}

TEST_F(ObservationTest, AJumpBackDropsNoNewEvent) {
  clock_.Step(absl::Hours(24 * 400));
  std::vector<v1::Event> future;
  for (uint64_t i = 1; i <= limits::kEventsPerObject; ++i) future.push_back(MakeEvent("a", i));
  ASSERT_TRUE(door_->PutEvents(future).ok());
  clock_.Step(-absl::Hours(24 * 400));
  for (uint64_t i = 201; i <= 203; ++i) ASSERT_TRUE(door_->PutEvents({MakeEvent("a", i)}).ok());
  EXPECT_THAT(Sequences("a", 4), ElementsAre(203, 202, 201, 100));
  EXPECT_EQ(StoredEvents(), 100u);
  Reopen();
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 204)}).ok());
  EXPECT_THAT(Sequences("a", 4), ElementsAre(204, 203, 202, 201));
}

TEST_F(ObservationTest, AfterADayOfASteadyClockEventsGoByAgeAgain) {
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 1)}).ok());
  door_.reset();
  clock_.Advance(absl::Hours(24 * 8));
  Reopen();  // off for a week, or the clock is wrong: nobody knows
  ASSERT_TRUE(door_->PutEvents({MakeEvent("a", 2)}).ok());
  EXPECT_EQ(StoredEvents(), 2u);
  clock_.Advance(absl::Hours(25));
  door_.reset();
  EXPECT_EQ(StoredEvents(), 1u);
}

TEST_F(ObservationTest, LongTextsAreCutAtACharacter) {
  v1::Event event = MakeEvent("a", 1);
  for (int i = 0; i < 3'000; ++i) event.mutable_message()->append("é");
  ASSERT_TRUE(door_->PutEvents({event}).ok());
  const std::vector<v1::Event> events = *door_->Events("a", 1);
  EXPECT_LE(events[0].message().size(), limits::kEventTextBytes);
  EXPECT_EQ(events[0].message().size() % 2, 0u);
}

}  // namespace
}  // namespace perigee::control
