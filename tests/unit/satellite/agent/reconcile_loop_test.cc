#include "satellite/agent/reconcile_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

#include "satellite/runtime/fake_runtime.h"
#include "shared/base/failpoint.h"
#include "shared/base/random.h"
#include "shared/base/wakeup.h"
#include "shared/pki/key.h"
#include "shared/resource/reasons.h"

namespace perigee::satellite {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr char kUid[] = "01890000-0000-7000-8000-000000000001";

// A satellite without link and launcher: state on disk, a runtime that is a map, and a centre that signs nothing.
class LoopTest : public ::testing::Test {
 protected:
  LoopTest() {
    char name[] = "/tmp/perigee-loop-XXXXXX";
    path_ = mkdtemp(name);
    auto opened = SiteState::Open(path_ + "/state.db");
    EXPECT_TRUE(opened.ok()) << opened.status();
    state_ = *std::move(opened);
    StartAgent();
  }
  ~LoopTest() override {
    loop_.reset();
    ArmFailpoints("");
    std::filesystem::remove_all(path_);
  }

  void StartAgent() {
    MakeAgent();
    loop_->Start();
  }
  void MakeAgent() {
    loop_.reset();
    gate_ = std::make_unique<OneListener>(runtime_);
    ReconcileLoop::Hooks hooks;
    hooks.report = [this](SatelliteSession::StatusChanged changed) { Reported(std::move(changed)); };
    ReconcileLoop::Config config{.site = {.satellite = "berlin-1",
                                          .site = "berlin",
                                          .address = "127.0.0.1",
                                          .data_dir = path_,
                                          .sealing_key = std::nullopt,
                                          .sealing_certificate = ""},
                                 .boot_id = boot_id_,
                                 .features = {},
                                 .retry = absl::Milliseconds(20)};
    loop_ =
        std::make_unique<ReconcileLoop>(std::move(config), *state_, *gate_, SystemClock(), std::move(hooks));
  }

  // The runtime outlives agents, but listens to one only: each agent gets a view of it. As the launcher's does, it asks
  // for an adoption as soon as somebody listens.
  class OneListener final : public Runtime {
   public:
    explicit OneListener(FakeRuntime& runtime) : runtime_(runtime) {}
    using Runtime::Remove;
    void Listen(Listener listener) override {
      listening_ = true;
      runtime_.Listen(listener);
      listener.resync();
    }
    bool listening() const { return listening_; }
    absl::StatusOr<Observed> Start(const StartRequest& request) override { return runtime_.Start(request); }
    absl::Status Signal(const std::string& id, int signal) override { return runtime_.Signal(id, signal); }
    absl::Status Stop(const std::string& id) override { return runtime_.Stop(id); }
    absl::StatusOr<std::vector<Observed>> Adopt() override { return runtime_.Adopt(); }
    absl::Status Limit(const std::string& id, const LimitChange& change) override {
      return runtime_.Limit(id, change);
    }
    absl::Status Remove(const std::string& id, RemoveMode mode) override { return runtime_.Remove(id, mode); }

   private:
    FakeRuntime& runtime_;
    std::atomic<bool> listening_ = false;
  };

  void Reported(SatelliteSession::StatusChanged changed) {
    absl::MutexLock lock(&mutex_);
    everything_ |= changed.everything;
    for (v1::ReplicaStatus& status : changed.replicas) statuses_[status.assignment_uid()] = std::move(status);
    if (changed.conditions.has_value()) conditions_ = *std::move(changed.conditions);
    news_.Notify();
  }

  // ---- The centre.
  static v1::EntryPayload Replica(const std::string& id, const std::string& mode = "a") {
    v1::EntryPayload payload;
    v1::ReplicaEntry& replica = *payload.mutable_replica();
    replica.set_assignment_uid(id);
    replica.set_workload("web");
    replica.set_project("default");
    v1::WorkloadTask& task = *replica.mutable_template_()->add_tasks();
    task.add_command("/bin/" + mode);
    task.mutable_restart()->mutable_backoff()->set_initial("30ms");
    task.mutable_restart()->mutable_backoff()->set_max("60ms");
    replica.set_soak("10s");
    return payload;
  }
  static v1::EntryPayload PermitFor(const std::string& id, const v1::EntryPayload& replica) {
    v1::EntryPayload payload;
    payload.mutable_permit()->set_id("p-" + id);
    payload.mutable_permit()->set_assignment_uid(id);
    payload.mutable_permit()->set_action("replace");
    payload.mutable_permit()->set_to_sha256(HexEncode(DigestOf(replica.SerializeAsString())));
    return payload;
  }
  void Deliver(const std::map<std::string, v1::EntryPayload>& entries) {
    DeltaPlan plan;
    plan.changes = true;
    plan.next.epoch.set_number(1);
    plan.next.epoch.set_id(std::string(16, 'e'));
    plan.next.sequence = ++sequence_;
    for (const auto& [key, payload] : entries) {
      plan.puts.push_back(MakeEntry(key, payload.SerializeAsString()));
      plan.next.digests[key] = plan.puts.back().sha256();
    }
    const std::vector<StoredEntry> before = *state_->Entries();
    for (const StoredEntry& entry : before) {
      if (!entries.contains(entry.key)) plan.deletes.push_back(entry.key);
    }
    plan.next.root = RootOf(plan.next.digests);
    const absl::Status status = state_->Persist(plan, absl::Now());
    ASSERT_TRUE(status.ok()) << status;
    loop_->EntriesChanged();
  }

  // ---- Waiting.
  template <typename Wanted>
  bool Await(Wanted wanted) {
    for (int i = 0; i < 1000; ++i) {
      {
        absl::MutexLock lock(&mutex_);
        if (wanted()) return true;
      }
      news_.WaitFor(absl::Milliseconds(10));
    }
    return false;
  }
  bool AwaitState(const std::string& id, const std::string& state, const std::string& reason = "") {
    return Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      auto it = statuses_.find(id);
      return it != statuses_.end() && it->second.status().state() == state &&
             (reason.empty() || it->second.status().reason() == reason);
    });
  }
  bool AwaitCondition(const std::string& type, const std::string& status) {
    return Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      for (const v1::Condition& condition : conditions_) {
        if (condition.type() == type) return condition.status() == status;
      }
      return false;
    });
  }
  v1::AssignmentStatus Status(const std::string& id) {
    absl::MutexLock lock(&mutex_);
    return statuses_[id].status();
  }
  std::vector<std::string> Events() {
    std::vector<std::string> reasons;
    const std::vector<v1::Event> events = *state_->EventsAfter(0, 1000);
    for (const v1::Event& event : events) reasons.push_back(event.reason());
    return reasons;
  }

  std::string path_;
  std::string boot_id_ = "boot-1";
  uint64_t sequence_ = 0;
  std::unique_ptr<SiteState> state_;
  FakeRuntime runtime_{SystemClock()};
  std::unique_ptr<OneListener> gate_;
  Wakeup news_;
  absl::Mutex mutex_;
  std::map<std::string, v1::ReplicaStatus> statuses_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Condition> conditions_ ABSL_GUARDED_BY(mutex_);
  bool everything_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<ReconcileLoop> loop_;
};

TEST_F(LoopTest, StartsWhatIsDeliveredAndReportsIt) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_GT(Status("r1").pid(), 0);
  EXPECT_EQ(runtime_.LastRequest("r1").command, std::vector<std::string>{"/bin/a"});
  EXPECT_THAT(Events(), IsSupersetOf({"Started", "Ready"}));
  const LocalView view = loop_->View();
  ASSERT_EQ(view.replicas.size(), 1u);
  EXPECT_EQ(view.replicas[0].name, "web-0");
}

TEST_F(LoopTest, ANewAgentAdoptsAndRestartsNothing) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const int64_t pid = Status("r1").pid();
  {
    absl::MutexLock lock(&mutex_);
    statuses_.clear();
    everything_ = false;
  }
  StartAgent();
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_EQ(Status("r1").pid(), pid);
  EXPECT_EQ(runtime_.starts("r1"), 1);
  EXPECT_THAT(Events(), Contains("Adopted"));
  absl::MutexLock lock(&mutex_);
  EXPECT_TRUE(everything_) << "the first report names all";
}

TEST_F(LoopTest, NothingIsAdoptedBeforeTheStateIsKnown) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  loop_.reset();
  ReplicaBook book = state_->Books()->front();
  book.restarts = 7;
  ASSERT_TRUE(state_->Record({book}, {}).ok());
  {
    absl::MutexLock lock(&mutex_);
    statuses_.clear();
    everything_ = false;
  }
  MakeAgent();
  EXPECT_FALSE(gate_->listening()) << "the runtime would ask for an adoption";
  loop_->Start();
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_EQ(Status("r1").restarts(), 7);
  EXPECT_EQ(state_->Books()->front().restarts, 7);
  absl::MutexLock lock(&mutex_);
  EXPECT_TRUE(everything_);
}

TEST_F(LoopTest, AfterAnotherBootEverythingStartsFromTheState) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const int64_t pid = Status("r1").pid();
  loop_.reset();
  runtime_.Vanish("r1");
  boot_id_ = "boot-2";
  StartAgent();
  EXPECT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return statuses_["r1"].status().pid() > pid; }));
  EXPECT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_EQ(Status("r1").restarts(), 0);
}

TEST_F(LoopTest, AStateThatCannotBeReadAfterABootIsReadAgain) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  runtime_.Exits("r1", {.kind = Exit::Kind::kCode, .number = 7});
  ASSERT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return statuses_["r1"].status().restarts() == 1 && statuses_["r1"].status().state() == "Ready";
  }));
  int starts = 2;
  for (const std::string point : {"head", "entries", "kept", "books"}) {
    SCOPED_TRACE(point);
    loop_.reset();
    runtime_.Vanish("r1");
    boot_id_ = "boot-before-reading-" + point;
    ArmFailpoints("state.read." + point + "=error");
    StartAgent();
    ASSERT_TRUE(AwaitCondition("StateWritable", "False"));
    EXPECT_TRUE(absl::IsUnavailable(loop_->Restart("r1")));
    EXPECT_EQ(runtime_.starts("r1"), starts) << "nothing is planned from half of what is known";
    ArmFailpoints("");
    ++starts;
    ASSERT_TRUE(Await([&] { return runtime_.starts("r1") == starts; }));
    ASSERT_TRUE(AwaitCondition("StateWritable", "True"));
    EXPECT_EQ(state_->Books()->front().restarts, 1);
  }
}

TEST_F(LoopTest, NewEntriesThatCannotBeReadAreReadAgain) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  ArmFailpoints("state.read.kept=error");
  Deliver({{"replica/r1", Replica("r1")}, {"replica/r2", Replica("r2")}});
  ASSERT_TRUE(AwaitCondition("StateWritable", "False"));
  ArmFailpoints("");
  EXPECT_TRUE(AwaitState("r2", "Ready"));
  EXPECT_EQ(runtime_.starts("r1"), 1);
}

TEST_F(LoopTest, AChangeWaitsForItsPermitAndThenReplaces) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const v1::EntryPayload next = Replica("r1", "b");
  Deliver({{"replica/r1", next}});
  ASSERT_TRUE(AwaitState("r1", "Ready", std::string(reason::kWaitingForPermit)));
  EXPECT_EQ(runtime_.starts("r1"), 1);
  Deliver({{"replica/r1", next}, {"permit/p", PermitFor("r1", next)}});
  ASSERT_TRUE(
      Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return statuses_["r1"].closed_permit_id() == "p-r1"; }));
  EXPECT_EQ(runtime_.LastRequest("r1").command, std::vector<std::string>{"/bin/b"});
  EXPECT_EQ(state_->KeptEntries()->size(), 1u) << "the previous version is kept for its soak";
}

TEST_F(LoopTest, AnEndIsFollowedByAStart) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  runtime_.Exits("r1", {.kind = Exit::Kind::kCode, .number = 7});
  EXPECT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return statuses_["r1"].status().restarts() == 1 && statuses_["r1"].status().state() == "Ready";
  }));
  EXPECT_EQ(Status("r1").exit(), "code 7");
}

TEST_F(LoopTest, RemovedReplicasAreGoneAndForgottenOnceConfirmed) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  Deliver({});
  ASSERT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return statuses_["r1"].gone(); }));
  EXPECT_TRUE(runtime_.Adopt()->empty());
  EXPECT_EQ(state_->Books()->size(), 1u);
  loop_->GoneConfirmed({"r1"});
  EXPECT_TRUE(Await([&] { return state_->Books()->empty(); }));
}

TEST_F(LoopTest, RestartIsPersistedThenDone) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const int64_t pid = Status("r1").pid();
  ASSERT_TRUE(loop_->Restart("r1").ok());
  EXPECT_TRUE(Await([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return statuses_["r1"].status().pid() > pid && statuses_["r1"].status().state() == "Ready";
  }));
  EXPECT_EQ(loop_->Restart("r9").code(), absl::StatusCode::kNotFound);
}

TEST_F(LoopTest, WithoutALauncherNothingIsDecidedAndItIsSaid) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  runtime_.SetUnavailable(true);
  runtime_.Resync();
  ASSERT_TRUE(AwaitCondition("LauncherAvailable", "False"));
  runtime_.SetUnavailable(false);
  EXPECT_TRUE(AwaitCondition("LauncherAvailable", "True"));
  EXPECT_EQ(runtime_.starts("r1"), 1);
}

TEST_F(LoopTest, AStartDuringAnOutageOfTheLauncherHappensAfterIt) {
  ASSERT_TRUE(AwaitCondition("LauncherAvailable", "True"));
  runtime_.SetUnavailable(true);
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitCondition("LauncherAvailable", "False"));
  runtime_.SetUnavailable(false);
  EXPECT_TRUE(AwaitState("r1", "Ready"));
  EXPECT_EQ(runtime_.starts("r1"), 1);
  EXPECT_EQ(Status("r1").restarts(), 0);
}

TEST_F(LoopTest, AMissingProgramIsNamed) {
  runtime_.FailToStart("/bin/a", ENOENT);
  Deliver({{"replica/r1", Replica("r1")}});
  EXPECT_TRUE(AwaitState("r1", "Backoff", std::string(reason::kProgramNotFound)));
}

TEST_F(LoopTest, AStateThatCannotBeWrittenStopsChangesNotWorkloads) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  const v1::EntryPayload next = Replica("r1", "b");
  ArmFailpoints("state.record.book=error");
  Deliver({{"replica/r1", next}, {"permit/p", PermitFor("r1", next)}});
  ASSERT_TRUE(AwaitCondition("StateWritable", "False"));
  EXPECT_THAT(runtime_.calls(), Not(Contains("stop r1"))) << "persist, then act";
  ArmFailpoints("");
  EXPECT_TRUE(AwaitCondition("StateWritable", "True"));
}

TEST_F(LoopTest, WhatEndsIsStartedAgainAlsoWithoutADisk) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  ArmFailpoints("state.record.book=error");
  runtime_.Exits("r1", {.kind = Exit::Kind::kCode, .number = 1});
  EXPECT_TRUE(Await([&] { return runtime_.starts("r1") == 2; }));
}

TEST_F(LoopTest, LossAndReturnOfTheLinkAreEventsAndTouchNothing) {
  Deliver({{"replica/r1", Replica("r1")}});
  ASSERT_TRUE(AwaitState("r1", "Ready"));
  loop_->LinkChanged(true, "");
  loop_->LinkChanged(false, "connection refused");
  EXPECT_TRUE(Await([&] { return loop_->View().link_message == "connection refused"; }));
  EXPECT_THAT(Events(), IsSupersetOf({"Connected", "Disconnected"}));
  EXPECT_EQ(runtime_.starts("r1"), 1);
}

}  // namespace
}  // namespace perigee::satellite
