#include "control-plane/watch/model.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/memory_store.h"
#include "control-plane/watch/codec.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/event.pb.h"
#include "shared/base/clock.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"
#include "tests/unit/control-plane/store/faulty_feeds.h"

namespace perigee::control {
namespace {

class ModelTest : public ::testing::Test {
 protected:
  void PutSite(const std::string& name) {
    v1::Site site;
    site.mutable_metadata()->set_name(name);
    site.mutable_metadata()->set_uid("uid-" + name);
    const auto revision = store_->Commit({.puts = {{keys::Intent("Site", "", name), EncodeIntent(site)}}});
    ASSERT_TRUE(revision.ok());
    ASSERT_TRUE(model_->WaitFor(*revision, absl::Seconds(30)).ok());
  }

  FakeClock clock_{absl::FromUnixSeconds(1)};
  std::unique_ptr<Store> store_ = NewMemoryStore(clock_);
  std::unique_ptr<Model> model_ = *Model::Start(*store_);
};

TEST_F(ModelTest, MergesStatusAndShowsTheRevisionOfIntent) {
  PutSite("berlin");
  const int64_t intent_revision = store_->Revision();
  v1::SiteStatus status;
  status.set_satellites(3);
  const auto revision =
      store_->Commit({.puts = {{keys::Status("Site", "uid-berlin"), status.SerializeAsString()}}});
  ASSERT_TRUE(model_->WaitFor(*revision, absl::Seconds(30)).ok());
  const auto site = std::dynamic_pointer_cast<const v1::Site>(model_->Get("Site", "", "berlin"));
  ASSERT_NE(site, nullptr);
  EXPECT_EQ(site->status().satellites(), 3);
  EXPECT_EQ(site->metadata().revision(), intent_revision);
  EXPECT_EQ(model_->GetByUid("Site", "uid-berlin"), site);
  EXPECT_EQ(model_->Get("Site", "", "dublin"), nullptr);
}

TEST_F(ModelTest, WaitForGivesUp) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(model_->WaitFor(1, absl::Milliseconds(1))));
  EXPECT_TRUE(model_->WaitFor(0, absl::ZeroDuration()).ok());
}

TEST_F(ModelTest, SubscriptionWakesAndFilters) {
  auto sites = model_->Subscribe({"Site"});
  auto satellites = model_->Subscribe({"Satellite"});
  absl::Notification woken;
  sites->SetWakeup([&] {
    if (!woken.HasBeenNotified()) woken.Notify();
  });
  PutSite("berlin");
  EXPECT_TRUE(woken.WaitForNotificationWithTimeout(absl::Seconds(30)));
  const auto changes = sites->Next(absl::Seconds(30));
  ASSERT_TRUE(changes.ok());
  ASSERT_EQ(changes->size(), 1u);
  EXPECT_EQ(changes->front().object, model_->Get("Site", "", "berlin"));
  EXPECT_FALSE(changes->front().deleted);
  EXPECT_TRUE(satellites->Next(absl::ZeroDuration())->empty());
}

TEST_F(ModelTest, EventsArePassedOnAndNotKept) {
  auto events = model_->Subscribe({"Event"});
  v1::Event event;
  event.mutable_metadata()->set_uid("e1");
  event.set_reason("Started");
  ASSERT_TRUE(store_->Commit({.puts = {{keys::Event("e1"), event.SerializeAsString()}}}).ok());
  const auto changes = events->Next(absl::Seconds(30));
  ASSERT_EQ(changes->size(), 1u);
  EXPECT_EQ(dynamic_cast<const v1::Event&>(*changes->front().object).reason(), "Started");
  EXPECT_TRUE(model_->List("Event").empty());
}

TEST_F(ModelTest, SlowSubscriberIsCutOffAndOthersAreNot) {
  auto slow = model_->Subscribe({"Site"});
  auto quick = model_->Subscribe({"Site"});
  int seen = 0;
  for (int i = 0; i <= limits::kWatchQueue; i += 1'000) {
    Transaction transaction;
    for (int n = i; n < i + 1'000; ++n) {
      v1::Site site;
      site.mutable_metadata()->set_name(absl::StrCat("s", n));
      site.mutable_metadata()->set_uid(absl::StrCat("u", n));
      transaction.puts.push_back({keys::Intent("Site", "", site.metadata().name()), EncodeIntent(site)});
    }
    ASSERT_TRUE(model_->WaitFor(*store_->Commit(std::move(transaction)), absl::Seconds(30)).ok());
    seen += static_cast<int>(quick->Next(absl::ZeroDuration())->size());
  }
  EXPECT_TRUE(absl::IsOutOfRange(slow->Next(absl::ZeroDuration()).status()));
  EXPECT_EQ(seen, 5'000);
  EXPECT_EQ(model_->List("Site").size(), 5'000u);
}

TEST_F(ModelTest, EndOfTheModelEndsSubscriptions) {
  auto subscription = model_->Subscribe({});
  absl::Status end;
  std::thread reader([&] { end = subscription->Next(absl::InfiniteDuration()).status(); });
  model_.reset();
  reader.join();
  EXPECT_TRUE(absl::IsCancelled(end));
}

TEST(ModelFollowing, ABrokenFeedIsToldAlsoWhileNothingChanges) {
  const FakeClock clock(absl::FromUnixSeconds(1));
  FaultyFeeds store(NewMemoryStore(clock));
  const std::unique_ptr<Model> model = *Model::Start(store);
  EXPECT_TRUE(model->Following().ok());
  const auto subscription = model->Subscribe({});
  store.Break("", absl::DataLossError("the disk is gone"));
  EXPECT_FALSE(subscription->Next(absl::Seconds(30)).ok());
  EXPECT_TRUE(absl::IsUnavailable(model->Following()));
  EXPECT_NE(model->Following().message().find("the disk is gone"), absl::string_view::npos);
  EXPECT_TRUE(absl::IsUnavailable(model->WaitFor(1, absl::Seconds(30)))) << "not waited for in vain";
}

TEST(ModelStart, RefusesWhatItCannotRead) {
  auto store = NewMemoryStore(SystemClock());
  ASSERT_TRUE(store->Commit({.puts = {{"/intent/Site/_/berlin", "\xff\xff"}}}).ok());
  EXPECT_TRUE(absl::IsDataLoss(Model::Start(*store).status()));
}

TEST(ModelStart, LoadsMoreThanOnePage) {
  auto store = NewMemoryStore(SystemClock());
  Transaction transaction;
  for (int n = 0; n < 2'500; ++n) {
    v1::Site site;
    site.mutable_metadata()->set_name(absl::StrCat("s", n));
    site.mutable_metadata()->set_uid(absl::StrCat("u", n));
    transaction.puts.push_back({keys::Intent("Site", "", site.metadata().name()), EncodeIntent(site)});
  }
  ASSERT_TRUE(store->Commit(std::move(transaction)).ok());
  EXPECT_EQ((*Model::Start(*store))->List("Site").size(), 2'500u);
}

}  // namespace
}  // namespace perigee::control
