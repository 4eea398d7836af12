// What every store must do. A new implementation adds itself to kStores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "absl/synchronization/notification.h"
#include "control-plane/store/memory_store.h"
#include "control-plane/store/sqlite_store.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Implementation {
  const char* name;
  std::unique_ptr<Store> (*open)(const TemporaryDirectory&, const Clock&);
};

const Implementation kStores[] = {
    {"Memory", [](const TemporaryDirectory&, const Clock& clock) { return NewMemoryStore(clock); }},
    {"Sqlite", [](const TemporaryDirectory& directory, const Clock& clock) {
       return *OpenSqliteStore(directory / "store.db", clock);
     }}};

std::string PrintToString(const Implementation& implementation) {
  return implementation.name;
}

class StoreConformance : public ::testing::TestWithParam<Implementation> {
 protected:
  ~StoreConformance() override { ArmFailpoints(""); }

  int64_t Put(const std::string& key, const std::string& value) {
    auto revision = store_->Commit({.puts = {{key, value}}});
    EXPECT_TRUE(revision.ok()) << revision.status();
    return revision.value_or(-1);
  }
  std::vector<std::string> ListKeys(std::string_view prefix, int limit = 100, std::string_view after = "") {
    std::vector<std::string> keys;
    const auto page = store_->List(prefix, limit, after);
    EXPECT_TRUE(page.ok()) << page.status();
    for (const Record& record : page->records) keys.push_back(record.key);
    return keys;
  }

  TemporaryDirectory directory_;
  FakeClock clock_{absl::FromUnixSeconds(1'000'000)};
  std::unique_ptr<Store> store_ = GetParam().open(directory_, clock_);
};

TEST_P(StoreConformance, EachCommitHasOneNewRevision) {
  EXPECT_EQ(store_->Revision(), 0);
  EXPECT_EQ(Put("/a", "1"), 1);
  EXPECT_EQ(*store_->Commit({.puts = {{"/b", "1"}, {"/c", "1"}}}), 2);
  EXPECT_EQ(store_->Get("/b")->revision, 2);
  EXPECT_EQ(store_->Get("/c")->revision, 2);
  EXPECT_EQ(*store_->Get("/a"), (Record{"/a", "1", 1}));
  EXPECT_EQ(store_->Revision(), 2);
}

TEST_P(StoreConformance, WhatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(store_->Get("/a").status()));
}

TEST_P(StoreConformance, LostComparisonChangesNothing) {
  const int64_t first = Put("/a", "1");
  const int64_t second = Put("/a", "2");
  const auto lost = store_->Commit({.compares = {{"/a", first}}, .puts = {{"/a", "3"}, {"/b", "3"}}});
  EXPECT_TRUE(absl::IsAborted(lost.status())) << lost.status();
  EXPECT_EQ(store_->Get("/a")->value, "2");
  EXPECT_TRUE(absl::IsNotFound(store_->Get("/b").status()));
  EXPECT_EQ(store_->Revision(), second);
  EXPECT_TRUE(store_->Commit({.compares = {{"/a", second}}, .puts = {{"/a", "3"}}}).ok());
}

TEST_P(StoreConformance, RevisionZeroMeansMustNotExist) {
  EXPECT_TRUE(store_->Commit({.compares = {{"/a", 0}}, .puts = {{"/a", "1"}}}).ok());
  EXPECT_TRUE(absl::IsAborted(store_->Commit({.compares = {{"/a", 0}}, .puts = {{"/a", "2"}}}).status()));
  EXPECT_TRUE(store_->Commit({.deletes = {"/a"}}).ok());
  EXPECT_TRUE(store_->Commit({.compares = {{"/a", 0}}, .puts = {{"/a", "3"}}}).ok());
}

TEST_P(StoreConformance, DeletingWhatIsNotThereIsNoChange) {
  const int64_t revision = Put("/a", "1");
  EXPECT_EQ(*store_->Commit({.deletes = {"/b"}}), revision);
  EXPECT_EQ(*store_->Commit({.compares = {{"/a", revision}}}), revision);
  EXPECT_EQ(*store_->Commit({.deletes = {"/a"}}), revision + 1);
  EXPECT_TRUE(absl::IsNotFound(store_->Get("/a").status()));
}

TEST_P(StoreConformance, ListIsOrderedByBytesAndPaged) {
  for (const char* key : {"/b/2", "/a", "/b/10", "/b", "/b/1", "/c", "/b/\xff"}) Put(key, "");
  EXPECT_THAT(ListKeys("/b/"), ElementsAre("/b/1", "/b/10", "/b/2", "/b/\xff"));
  EXPECT_THAT(ListKeys(""), ElementsAre("/a", "/b", "/b/1", "/b/10", "/b/2", "/b/\xff", "/c"));
  EXPECT_THAT(ListKeys("/b/", 2), ElementsAre("/b/1", "/b/10"));
  EXPECT_THAT(ListKeys("/b/", 2, "/b/10"), ElementsAre("/b/2", "/b/\xff"));
  EXPECT_THAT(ListKeys("/b/", 2, "/a"), ElementsAre("/b/1", "/b/10"));
  EXPECT_THAT(ListKeys("/d"), IsEmpty());
  EXPECT_TRUE(store_->List("/b/", 3, "")->more);
  EXPECT_FALSE(store_->List("/b/", 4, "")->more);
  EXPECT_EQ(store_->List("/d", 4, "")->revision, store_->Revision());
}

TEST_P(StoreConformance, KeysAndValuesAreBytes) {
  const std::string bytes("\0\xff'\n%", 5);
  Put("/" + bytes, bytes);
  EXPECT_EQ(store_->Get("/" + bytes)->value, bytes);
  Put("/empty", "");
  EXPECT_EQ(store_->Get("/empty")->value, "");
}

TEST_P(StoreConformance, RefusesWhatIsNotATransaction) {
  const std::vector<std::pair<const char*, Transaction>> cases = {
      {"key twice in puts", {.puts = {{"/a", "1"}, {"/a", "2"}}}},
      {"key in puts and deletes", {.puts = {{"/a", "1"}}, .deletes = {"/a"}}},
      {"empty key", {.puts = {{"", "1"}}}},
      {"empty key in compares", {.compares = {{"", 0}}}},
      {"long key", {.puts = {{std::string(limits::kStoreKeyBytes + 1, 'k'), "1"}}}},
      {"many keys", {.deletes = std::vector<std::string>(limits::kTransactionRows + 1, "/a")}},
      {"many bytes", {.puts = {{"/a", std::string(limits::kTransactionBytes, 'x')}}}}};
  for (const auto& [name, transaction] : cases) {
    EXPECT_TRUE(absl::IsInvalidArgument(store_->Commit(transaction).status())) << name;
  }
  EXPECT_EQ(store_->Revision(), 0);
}

TEST_P(StoreConformance, WatchGivesWhatCameAfter) {
  const int64_t first = Put("/a/1", "x");
  Put("/b", "x");
  Put("/a/2", "y");
  ASSERT_TRUE(store_->Commit({.puts = {{"/a/3", "z"}}, .deletes = {"/a/1"}}).ok());
  auto feed = *store_->Watch("/a/", first);
  EXPECT_THAT(*feed->Next(absl::Seconds(10)),
              ElementsAre(Change{3, "/a/2", "y"}, Change{4, "/a/3", "z"}, Change{4, "/a/1", std::nullopt}));
  EXPECT_THAT(*feed->Next(absl::ZeroDuration()), IsEmpty());
}

TEST_P(StoreConformance, BlockedNextWakesOnCommit) {
  auto feed = *store_->Watch("/a", 0);
  absl::StatusOr<std::vector<Change>> changes;
  std::thread reader([&] { changes = feed->Next(absl::Minutes(1)); });
  Put("/b", "passed over");
  Put("/a", "1");
  reader.join();
  EXPECT_THAT(*changes, ElementsAre(Change{2, "/a", "1"}));
}

TEST_P(StoreConformance, CancelEndsABlockedNext) {
  auto feed = *store_->Watch("", 0);
  absl::StatusOr<std::vector<Change>> changes;
  std::thread reader([&] { changes = feed->Next(absl::InfiniteDuration()); });
  feed->Cancel();
  reader.join();
  EXPECT_TRUE(absl::IsCancelled(changes.status()));
}

TEST_P(StoreConformance, FeedMayOutliveTheStore) {
  auto feed = *store_->Watch("", 0);
  store_.reset();
  EXPECT_TRUE(absl::IsCancelled(feed->Next(absl::Seconds(10)).status()));
}

TEST_P(StoreConformance, OldAndFutureRevisionsAreOutOfRange) {
  Put("/a", "1");
  Put("/a", "2");
  auto slow = *store_->Watch("", 0);
  EXPECT_TRUE(store_->Watch("", 1).ok());
  EXPECT_TRUE(absl::IsOutOfRange(store_->Watch("", 3).status()));
  clock_.Advance(absl::Minutes(limits::kChangeFeedMinutes + 1));
  Put("/a", "3");
  EXPECT_TRUE(absl::IsOutOfRange(store_->Watch("", 0).status()));
  EXPECT_TRUE(absl::IsOutOfRange(store_->Watch("", 1).status()));
  EXPECT_TRUE(absl::IsOutOfRange(slow->Next(absl::ZeroDuration()).status()));
  // What a list returns can always be followed.
  EXPECT_TRUE(store_->Watch("", store_->List("", 1, "")->revision).ok());
}

TEST_P(StoreConformance, FailedCommitIsNotThereAndTheNextOneIs) {
  Put("/a", "1");
  auto feed = *store_->Watch("", store_->Revision());
  ArmFailpoints("store.commit=error");
  EXPECT_TRUE(absl::IsUnavailable(store_->Commit({.puts = {{"/a", "2"}, {"/b", "2"}}}).status()));
  ArmFailpoints("");
  EXPECT_EQ(*store_->Get("/a"), (Record{"/a", "1", 1}));
  EXPECT_TRUE(absl::IsNotFound(store_->Get("/b").status()));
  EXPECT_EQ(Put("/c", "3"), 2);
  EXPECT_THAT(*feed->Next(absl::Seconds(10)), ElementsAre(Change{2, "/c", "3"}));
}

TEST_P(StoreConformance, ConcurrentComparisonsLoseNoUpdate) {
  constexpr int kThreads = 4;
  constexpr int kAdditions = 50;
  Put("/counter", "0");
  auto feed = *store_->Watch("/counter", store_->Revision());
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      for (int done = 0; done < kAdditions;) {
        const Record record = *store_->Get("/counter");
        const auto added =
            store_->Commit({.compares = {{"/counter", record.revision}},
                            .puts = {{"/counter", std::to_string(std::stoi(record.value) + 1)}}});
        if (added.ok()) ++done;
        EXPECT_TRUE(added.ok() || absl::IsAborted(added.status())) << added.status();
      }
    });
  }
  // The feed, read meanwhile: every value, in order, revisions without a gap.
  for (int next = 1; next <= kThreads * kAdditions;) {
    const std::vector<Change> changes = *feed->Next(absl::Minutes(1));
    for (const Change& change : changes) {
      EXPECT_EQ(change.value, std::to_string(next));
      EXPECT_EQ(change.revision, next + 1);
      ++next;
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->Get("/counter")->value, std::to_string(kThreads * kAdditions));
}

TEST_P(StoreConformance, ListThenWatchMissesNothing) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) Put("/k" + std::to_string(i % 7), std::to_string(i));
  });
  for (int round = 0; round < 20; ++round) {
    const Page page = *store_->List("/k", 100, "");
    auto feed = *store_->Watch("/k", page.revision);
    const int64_t target = store_->Revision() + 5;
    std::map<std::string, int64_t> seen;
    for (const Record& record : page.records) seen[record.key] = record.revision;
    int64_t last = page.revision;
    while (last < target) {
      const std::vector<Change> changes = *feed->Next(absl::Minutes(1));
      for (const Change& change : changes) {
        EXPECT_EQ(change.revision, last + 1);
        last = change.revision;
        seen[change.key] = change.revision;
      }
    }
    for (const auto& [key, revision] : seen) EXPECT_LE(revision, last);
  }
  stop = true;
  writer.join();
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance, ::testing::ValuesIn(kStores),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace perigee::control
