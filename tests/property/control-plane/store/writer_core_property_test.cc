// The writer core against the plainest store there is: a map and one
// transaction after the other.
#include <gtest/gtest.h>

#include <random>

#include "control-plane/store/writer_core.h"
#include "tests/property/rounds.h"

namespace perigee::control {
namespace {

// What the disk holds, and what it should.
using Rows = std::map<std::string, std::pair<int64_t, std::string>>;

struct Plain {
  Rows rows;
  int64_t revision = 0;

  int64_t RevisionOf(const std::string& key) const {
    const auto found = rows.find(key);
    return found == rows.end() ? 0 : found->second.first;
  }
  absl::StatusOr<int64_t> Commit(const Transaction& transaction) {
    for (const Compare& compare : transaction.compares) {
      if (RevisionOf(compare.key) != compare.revision) return absl::AbortedError("lost");
    }
    bool changes = !transaction.puts.empty();
    for (const std::string& key : transaction.deletes) changes = changes || rows.contains(key);
    if (!changes) return revision;
    ++revision;
    for (const Put& put : transaction.puts) rows[put.key] = {revision, put.value};
    for (const std::string& key : transaction.deletes) rows.erase(key);
    return revision;
  }
};

class World {
 public:
  explicit World(unsigned seed) : random_(seed), core_(0, {Pick(1, 5), Pick(10, 60)}) {}

  void Round() {
    for (size_t i = Pick(0, 6); i > 0; --i) Enqueue();
    while (core_.HasWork()) CommitBatch();
    Answer();
    ASSERT_TRUE(queued_.empty());
  }

 private:
  size_t Pick(size_t from, size_t to) { return std::uniform_int_distribution<size_t>(from, to)(random_); }
  std::string Key() { return "/k" + std::to_string(Pick(0, 5)); }

  void Enqueue() {
    Transaction transaction;
    std::set<std::string> used;
    for (size_t i = Pick(0, 2); i > 0; --i) {
      const std::string key = Key();
      // Mostly right as of the disk, so that losing to one's own batch is common too.
      transaction.compares.push_back(
          {key, Pick(0, 4) == 0 ? static_cast<int64_t>(Pick(0, 9)) : expected_.RevisionOf(key)});
    }
    for (size_t i = Pick(0, 3); i > 0; --i) {
      const std::string key = Key();
      if (!used.insert(key).second) continue;
      if (Pick(0, 2) == 0) {
        transaction.deletes.push_back(key);
      } else {
        transaction.puts.push_back({key, std::to_string(Pick(0, 999))});
      }
    }
    queued_.emplace_back(++ticket_, transaction);
    core_.Enqueue(ticket_, std::move(transaction));
  }

  void CommitBatch() {
    const Batch batch =
        core_.Decide([this](const std::string& key) { return expected_disk_.RevisionOf(key); });
    const bool fails = Pick(0, 5) == 0 && !batch.rows.empty();
    if (!fails) WriteToDisk(batch);
    core_.Finish(fails ? absl::UnavailableError("disk") : absl::OkStatus());
    Answer();
  }

  void WriteToDisk(const Batch& batch) {
    int64_t last = expected_disk_.revision;
    for (const Change& change : batch.changes) {
      EXPECT_TRUE(change.revision == last || change.revision == last + 1) << "the feed has a gap";
      last = change.revision;
    }
    EXPECT_EQ(last, batch.revision);
    for (const auto& [key, row] : batch.rows) {
      if (row.value.has_value()) {
        expected_disk_.rows[key] = {row.revision, *row.value};
      } else {
        expected_disk_.rows.erase(key);
      }
    }
    expected_disk_.revision = batch.revision;
  }

  // Outcomes come in the order of the queue; those that did not fail are as if committed one by one.
  void Answer() {
    for (const Outcome& outcome : core_.TakeOutcomes()) {
      ASSERT_EQ(outcome.ticket, queued_.front().first);
      if (!absl::IsUnavailable(outcome.result.status())) {
        const auto expected = expected_.Commit(queued_.front().second);
        EXPECT_EQ(outcome.result.status().code(), expected.status().code());
        if (expected.ok() && outcome.result.ok()) {
          EXPECT_EQ(*outcome.result, *expected);
        }
      }
      queued_.pop_front();
    }
    EXPECT_EQ(expected_.rows, expected_disk_.rows);
    EXPECT_EQ(expected_.revision, expected_disk_.revision);
    EXPECT_EQ(core_.revision(), expected_.revision);
  }

  std::mt19937 random_;
  WriterCore core_;
  Plain expected_;       // transactions one by one
  Plain expected_disk_;  // what the batches wrote
  std::deque<std::pair<uint64_t, Transaction>> queued_;
  uint64_t ticket_ = 0;
};

TEST(WriterCoreProperty, BatchesAreAsIfOneByOne) {
  for (const uint32_t seed : Rounds(300)) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int round = 0; round < 30; ++round) world.Round();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(WriterCore, UnreadableDiskFailsTheBatchAndWritesNothing) {
  WriterCore core(7, {10, 1000});
  core.Enqueue(1, {.puts = {{"/a", "1"}}});
  core.Enqueue(2, {.compares = {{"/b", 0}}, .puts = {{"/b", "1"}}});
  const Batch batch = core.Decide([](const std::string&) { return absl::DataLossError("torn page"); });
  EXPECT_TRUE(batch.rows.empty());
  core.Finish(absl::OkStatus());
  const auto outcomes = core.TakeOutcomes();
  ASSERT_EQ(outcomes.size(), 2u);
  for (const Outcome& outcome : outcomes) EXPECT_TRUE(absl::IsDataLoss(outcome.result.status()));
  EXPECT_EQ(core.revision(), 7);
}

}  // namespace
}  // namespace perigee::control
