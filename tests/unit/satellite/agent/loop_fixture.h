// A satellite without link and launcher, for tests of the loop.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "satellite/agent/reconcile_loop.h"
#include "satellite/runtime/fake_runtime.h"
#include "shared/base/failpoint.h"
#include "shared/base/random.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {

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

}  // namespace perigee::satellite
