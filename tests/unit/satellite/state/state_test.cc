#include "satellite/state/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "shared/base/failpoint.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/pki/key.h"
#include "shared/resource/reasons.h"
#include "shared/session/entries.h"
#include "shared/session/moment.h"
#include "shared/sqlite/database.h"

namespace perigee::satellite {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kUid[] = "01890000-0000-7000-8000-000000000001";

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/perigee-state-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string Database() const { return path_ + "/state.db"; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Signer final : public RootSigner {
 public:
  Signer() : key_(*PrivateKey::GenerateEcP256()) {}
  absl::StatusOr<std::string> Sign(std::string_view bytes) const override { return key_.Sign(bytes); }
  std::string PublicKey() const override { return key_.Public().ToDer(); }

 private:
  PrivateKey key_;
};

v1::Epoch EpochOf(uint64_t number, char id = 'a') {
  v1::Epoch epoch;
  epoch.set_number(number);
  epoch.set_id(std::string(kEpochIdBytes, id));
  return epoch;
}

// The centre: what should be, and its next delta.
class Centre {
 public:
  v1::Delta Snapshot(uint64_t epoch, uint64_t sequence, const std::map<std::string, std::string>& payloads,
                     char epoch_id = 'a') {
    DesiredEntries desired{.sequence = sequence};
    for (const auto& [key, payload] : payloads) desired.entries[key] = MakeEntry(key, payload);
    const RootClaim claim{kUid, EpochOf(epoch, epoch_id), sequence, RootOf(desired.DigestMap())};
    desired.signed_root =
        *SignRoot(signer_, claim, absl::FromUnixSeconds(1'000'000 + static_cast<int64_t>(sequence)));
    DeltaAssembler assembler;
    std::optional<v1::Delta> whole;
    for (v1::Delta& part : BuildDelta(claim.epoch, desired, nullptr)) whole = *assembler.Add(part);
    return *whole;
  }
  std::vector<std::string> keys() const { return {signer_.PublicKey()}; }

 private:
  Signer signer_;
};

std::vector<std::string> KeysOf(const std::vector<StoredEntry>& entries) {
  std::vector<std::string> keys;
  for (const StoredEntry& entry : entries) keys.push_back(entry.key + "=" + entry.payload);
  return keys;
}

// As the session core and the agent do it. True when it changed something.
absl::StatusOr<bool> ApplyTo(SiteState& state, const Centre& centre, const v1::Delta& delta) {
  PERIGEE_ASSIGN_OR_RETURN(AppliedState have, state.ReadApplied());
  PERIGEE_ASSIGN_OR_RETURN(DeltaPlan plan, PlanDelta(have, delta, kUid, centre.keys()));
  if (!plan.changes) return false;
  PERIGEE_RETURN_IF_ERROR(state.Persist(plan, FromTimestamp(delta.signed_root().signed_at())));
  return true;
}

class StateTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void TearDown() override { ArmFailpoints(""); }
  void Reopen() {
    state_.reset();
    auto opened = SiteState::Open(directory_.Database());
    ASSERT_TRUE(opened.ok()) << opened.status();
    state_ = *std::move(opened);
  }
  absl::Status Apply(const v1::Delta& delta) { return ApplyTo(*state_, centre_, delta).status(); }

  Directory directory_;
  Centre centre_;
  std::unique_ptr<SiteState> state_;
};

TEST_F(StateTest, AppliesAndSurvivesReopening) {
  ASSERT_TRUE(Apply(centre_.Snapshot(1, 5, {{"config/a", "A"}, {"replica/x", "X"}})).ok());
  Reopen();
  EXPECT_THAT(KeysOf(*state_->Entries()), ElementsAre("config/a=A", "replica/x=X"));
  const Head head = *state_->ReadHead();
  EXPECT_EQ(head.sequence, 5u);
  EXPECT_EQ(head.epoch.number(), 1u);
  EXPECT_EQ(head.time_floor, absl::FromUnixSeconds(1'000'005));
  EXPECT_EQ(head.root, RootOf(state_->ReadApplied()->digests));
}

TEST_F(StateTest, KeepsWhatItReplacesOrDeletesUntilItIsLetGo) {
  ASSERT_TRUE(Apply(centre_.Snapshot(1, 1, {{"replica/x", "old"}, {"config/a", "A"}})).ok());
  ASSERT_TRUE(Apply(centre_.Snapshot(1, 2, {{"replica/x", "new"}})).ok());
  EXPECT_THAT(KeysOf(*state_->Entries()), ElementsAre("replica/x=new"));
  EXPECT_THAT(KeysOf(*state_->KeptEntries()), ElementsAre("config/a=A", "replica/x=old"));
  ASSERT_TRUE(state_->KeepOnly({{"replica/x", DigestOf("old")}}).ok());
  EXPECT_THAT(KeysOf(*state_->KeptEntries()), ElementsAre("replica/x=old"));
}

TEST_F(StateTest, ADamagedEntryIsSaidAndPutAgainBySnapshot) {
  const v1::Delta delta = centre_.Snapshot(1, 5, {{"config/a", "A"}, {"replica/x", "X"}});
  ASSERT_TRUE(Apply(delta).ok());
  auto database = *Database::Open(directory_.Database(), {});
  ASSERT_TRUE(database->Execute("UPDATE entries SET payload = ? WHERE key = 'replica/x'", Blob{"Y"}).ok());
  EXPECT_THAT(KeysOf(*state_->Entries()), ElementsAre("config/a=A", "replica/x="));
  EXPECT_TRUE(state_->Entries()->at(1).damaged);
  EXPECT_EQ(state_->ReadApplied()->epoch.number(), 0u);
  EXPECT_EQ(state_->ReadApplied()->root, "");
  EXPECT_EQ(Apply(centre_.Snapshot(1, 4, {{"replica/x", "old"}})).code(), absl::StatusCode::kOutOfRange);
  ASSERT_TRUE(Apply(delta).ok());
  EXPECT_THAT(KeysOf(*state_->Entries()), ElementsAre("config/a=A", "replica/x=X"));
  EXPECT_EQ(state_->ReadApplied()->root, state_->ReadHead()->root);
}

struct RefusalCase {
  std::string name;
  uint64_t epoch;
  uint64_t sequence;
  std::string payload;
  char epoch_id;
  absl::StatusCode code;
};
class Refusals : public StateTest, public ::testing::WithParamInterface<RefusalCase> {};

TEST_P(Refusals, ChangeNothing) {
  ASSERT_TRUE(Apply(centre_.Snapshot(3, 5, {{"replica/x", "X"}})).ok());
  const RefusalCase& one = GetParam();
  EXPECT_EQ(
      Apply(centre_.Snapshot(one.epoch, one.sequence, {{"replica/x", one.payload}}, one.epoch_id)).code(),
      one.code);
  EXPECT_THAT(KeysOf(*state_->Entries()), ElementsAre("replica/x=X"));
  EXPECT_EQ(state_->ReadHead()->sequence, 5u);
}

INSTANTIATE_TEST_SUITE_P(
    All, Refusals,
    ::testing::Values(RefusalCase{"LowerSequence", 3, 4, "Y", 'a', absl::StatusCode::kOutOfRange},
                      RefusalCase{"LowerEpoch", 2, 9, "Y", 'a', absl::StatusCode::kOutOfRange},
                      RefusalCase{"SameEpochOtherId", 3, 6, "Y", 'b', absl::StatusCode::kAlreadyExists},
                      RefusalCase{"SamePairOtherRoot", 3, 5, "Y", 'a', absl::StatusCode::kAlreadyExists}),
    [](const auto& info) { return info.param.name; });

TEST_F(StateTest, PersistChecksAgainWhatTheCoreChecked) {
  ASSERT_TRUE(Apply(centre_.Snapshot(3, 5, {{"replica/x", "X"}})).ok());
  DeltaPlan plan;
  plan.next = {.epoch = EpochOf(3), .sequence = 4, .root = std::string(32, 'r')};
  EXPECT_EQ(state_->Persist(plan, absl::UnixEpoch()).code(), absl::StatusCode::kOutOfRange);
  plan.next.sequence = 6;  // the root is not that of the entries
  EXPECT_EQ(state_->Persist(plan, absl::UnixEpoch()).code(), absl::StatusCode::kDataLoss);
  plan.next.sequence = 7;
  plan.next.epoch = EpochOf(3, 'b');
  EXPECT_EQ(state_->Persist(plan, absl::UnixEpoch()).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(state_->ReadHead()->sequence, 5u);
}

TEST_F(StateTest, TheSameAgainIsNoChange) {
  const v1::Delta delta = centre_.Snapshot(1, 1, {{"replica/x", "X"}});
  EXPECT_TRUE(*ApplyTo(*state_, centre_, delta));
  EXPECT_FALSE(*ApplyTo(*state_, centre_, delta));
}

// A crash at each write: afterwards old or new, whole.
class Crash : public StateTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(Crash, LeavesOldOrNew) {
  ASSERT_TRUE(Apply(centre_.Snapshot(1, 1, {{"replica/x", "old"}, {"replica/gone", "G"}})).ok());
  const v1::Delta next = centre_.Snapshot(1, 2, {{"replica/x", "new"}, {"replica/y", "Y"}});
  state_.reset();
  const pid_t child = fork();
  if (child == 0) {
    ArmFailpoints(GetParam() + "=crash");
    auto state = SiteState::Open(directory_.Database());
    if (state.ok()) (void)ApplyTo(**state, centre_, next);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the failpoint was not passed";
  Reopen();
  const bool is_new = state_->ReadHead()->sequence == 2;
  EXPECT_EQ(is_new, GetParam() == "state.apply.after_commit" || GetParam() == "sqlite.after_commit");
  EXPECT_EQ(RootOf(state_->ReadApplied()->digests), state_->ReadHead()->root);
  if (is_new) {
    EXPECT_THAT(KeysOf(*state_->Entries()), ElementsAre("replica/x=new", "replica/y=Y"));
    EXPECT_THAT(*state_->KeptEntries(), SizeIs(2));
  } else {
    EXPECT_THAT(KeysOf(*state_->Entries()), ElementsAre("replica/gone=G", "replica/x=old"));
    EXPECT_THAT(*state_->KeptEntries(), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(EveryWrite, Crash,
                         ::testing::Values("state.apply.begin", "state.apply.delete", "state.apply.put",
                                           "state.apply.head", "state.apply.before_commit",
                                           "sqlite.before_commit", "sqlite.after_commit",
                                           "state.apply.after_commit"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

ReplicaBook Book(const std::string& id) {
  ReplicaBook book;
  book.id = id;
  book.current = "c1";
  book.previous = "c0";
  book.rejected = "r";
  book.permit_id = "p";
  book.closed_permit_id = "q";
  book.rejected_permit_id = "s";
  book.on_previous = true;
  book.boot_id = "boot-1";
  book.replaced_at = absl::Nanoseconds(1);
  book.ready_since = absl::Seconds(2);
  book.not_before = absl::Seconds(3);
  book.stop_asked_at = absl::Seconds(4);
  book.started_at = absl::Seconds(5);
  book.ready_once = true;
  book.run = "run";
  book.run_ended = true;
  book.stop_reason = "Replaced";
  book.restart_asked = true;
  book.gone = true;
  book.unnamed = true;
  book.restarts = 7;
  book.backoff_attempt = 3;
  book.last_exit = "code 1";
  book.exit_reason = "CrashLoop";
  book.state = "Backoff";
  book.reason = "CrashLoop";
  book.since = absl::FromUnixSeconds(9);
  return book;
}

TEST_F(StateTest, BooksComeBackAsTheyWere) {
  ASSERT_TRUE(state_->Record({Book("a"), Book("b")}, {}).ok());
  ASSERT_TRUE(state_->DeleteBook("b").ok());
  Reopen();
  EXPECT_THAT(*state_->Books(), ElementsAre(Book("a")));
}

TEST(ReplicaBook, AfterAnotherBootNothingRunsAndNothingWaits) {
  EXPECT_EQ(BookOfBoot(Book("a"), "boot-1"), Book("a"));
  const ReplicaBook book = BookOfBoot(Book("a"), "boot-2");
  EXPECT_EQ(book.current, "c1");
  EXPECT_EQ(book.previous, "c0");
  EXPECT_EQ(book.rejected, "r");
  EXPECT_TRUE(book.on_previous);
  EXPECT_EQ(book.restarts, 7);
  EXPECT_EQ(book.run, "");
  EXPECT_FALSE(book.restart_asked);
  EXPECT_EQ(book.not_before, absl::ZeroDuration());
  EXPECT_EQ(book.stop_asked_at, absl::ZeroDuration());
}

TEST(ReplicaBook, DamagedBytesAreRefused) {
  EXPECT_FALSE(DecodeBook("garbage").ok());
  EXPECT_FALSE(DecodeBook("PGR1\n").ok()) << "without an id";
  EXPECT_FALSE(DecodeBook("PGR1\nid 1\na\nrestarts 1\nx\n").ok());
}

v1::Event EventOf(const std::string& reason) {
  v1::Event event;
  event.set_reason(reason);
  event.set_boot_id("boot-1");
  return event;
}

TEST_F(StateTest, EventsAreNumberedOnceAndForEver) {
  ASSERT_TRUE(state_->Record({}, {EventOf("a"), EventOf("b"), EventOf("c")}).ok());
  std::vector<v1::Event> events = *state_->EventsAfter(0, 2);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].reason(), "a");
  EXPECT_EQ(events[1].sequence(), events[0].sequence() + 1);
  ASSERT_TRUE(state_->AcknowledgeEvents(events[1].sequence()).ok());
  events = *state_->EventsAfter(0, 10);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].sequence(), 3u);
  ASSERT_TRUE(state_->AcknowledgeEvents(3).ok());
  Reopen();
  ASSERT_TRUE(state_->Record({}, {EventOf("d")}).ok());
  EXPECT_EQ(state_->EventsAfter(0, 10)->front().sequence(), 4u) << "numbers are not used again";
}

TEST_F(StateTest, AFullOutboxDropsTheOldestAndSaysSo) {
  std::vector<v1::Event> many(limits::kOutboxEvents, EventOf("old"));
  ASSERT_TRUE(state_->Record({}, many).ok());
  ASSERT_TRUE(state_->Record({}, {EventOf("new")}).ok());
  std::vector<v1::Event> events = *state_->EventsAfter(0, 2 * limits::kOutboxEvents);
  EXPECT_LE(events.size(), static_cast<size_t>(limits::kOutboxEvents));
  EXPECT_GT(events.front().sequence(), 1u);
  ASSERT_EQ(events.back().reason(), reason::kEventsDropped);
  EXPECT_EQ(events.back().message().substr(0, 4), "257 ");
  EXPECT_EQ(events[events.size() - 2].reason(), "new");
  // Again: one event, with the sum.
  ASSERT_TRUE(state_->Record({}, std::vector<v1::Event>(300, EventOf("more"))).ok());
  events = *state_->EventsAfter(0, 2 * limits::kOutboxEvents);
  int said = 0;
  for (const v1::Event& event : events) said += event.reason() == reason::kEventsDropped;
  EXPECT_EQ(said, 1);
}

TEST_F(StateTest, AnotherSatelliteStartsWithNothingButTheTimeAndTheNumbers) {
  ASSERT_FALSE(*state_->BelongTo("first"));
  ASSERT_TRUE(Apply(centre_.Snapshot(3, 5, {{"replica/x", "X"}})).ok());
  ASSERT_TRUE(Apply(centre_.Snapshot(3, 6, {{"replica/x", "Y"}})).ok());
  ASSERT_TRUE(state_->Record({Book("x")}, {v1::Event(), v1::Event()}).ok());
  EXPECT_FALSE(*state_->BelongTo("first"));
  EXPECT_THAT(*state_->Books(), SizeIs(1));
  ArmFailpoints("state.belong.forget=error");
  EXPECT_FALSE(state_->BelongTo("second").ok());
  ArmFailpoints("");
  EXPECT_THAT(*state_->Books(), SizeIs(1)) << "all or nothing";

  ASSERT_TRUE(*state_->BelongTo("second"));
  Reopen();
  EXPECT_FALSE(*state_->BelongTo("second"));
  EXPECT_THAT(*state_->Books(), IsEmpty());
  EXPECT_THAT(*state_->Entries(), IsEmpty());
  EXPECT_THAT(*state_->KeptEntries(), IsEmpty());
  EXPECT_THAT(*state_->EventsAfter(0, 10), IsEmpty());
  EXPECT_TRUE(state_->ReadHead()->root.empty());
  EXPECT_EQ(state_->ReadHead()->time_floor, absl::FromUnixSeconds(1'000'006));
  ASSERT_TRUE(state_->Record({}, {v1::Event()}).ok());
  EXPECT_EQ(state_->EventsAfter(0, 10)->front().sequence(), 3u);
  EXPECT_TRUE(Apply(centre_.Snapshot(1, 1, {{"replica/z", "Z"}})).ok())
      << "of a control plane with a younger epoch";
}

// Of a release that did not write down whose state it is: the identity says whom it took the place of.
TEST_F(StateTest, AStateWithoutAnOwnerIsOfWhoWasReplaced) {
  ASSERT_TRUE(Apply(centre_.Snapshot(3, 5, {{"replica/x", "X"}})).ok());
  ASSERT_TRUE(*state_->BelongTo("second", "first"));
  EXPECT_THAT(*state_->Entries(), IsEmpty());
  ASSERT_TRUE(Apply(centre_.Snapshot(1, 1, {{"replica/z", "Z"}})).ok());
  EXPECT_FALSE(*state_->BelongTo("second", "first")) << "at each later start";
  EXPECT_THAT(*state_->Entries(), SizeIs(1));
}

TEST_F(StateTest, NotesAreKept) {
  EXPECT_EQ(*state_->ReadNote("boot_id"), "");
  ASSERT_TRUE(state_->WriteNote("boot_id", "b1").ok());
  Reopen();
  EXPECT_EQ(*state_->ReadNote("boot_id"), "b1");
}

TEST(SiteState, ADamagedFileIsRefused) {
  Directory directory;
  ASSERT_TRUE(WriteFileAtomically(directory.Database(), std::string(8192, 'x'), 0600).ok());
  EXPECT_EQ(SiteState::Open(directory.Database()).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace perigee::satellite
