// Random lives of a satellite: entries and permits come and go, processes end, the link breaks, calls fail, the agent
// and the host restart. What must hold at each step is checked by what happened, not by what the reconciler says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "satellite/reconciler/plan.h"
#include "shared/resource/replica_state.h"
#include "tests/property/rounds.h"

namespace perigee::satellite {
namespace {

struct Process {
  std::string sha256;
  std::string run;
  bool running = true;
  bool ready = true;
  bool alive = true;
  bool stopping = false;
};

class World {
 public:
  explicit World(uint32_t seed) : random_(seed) {
    snapshot_.now = absl::Seconds(1000);
    snapshot_.wall = absl::FromUnixSeconds(1'700'000'000);
    snapshot_.boot_id = "boot-0";
    snapshot_.applied = true;
    snapshot_.seen_known = true;
  }

  void Live(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      Disturb();
      Round();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

  // The centre gives every permit, programs behave: all must be as asked.
  void Settle() {
    calm_ = true;
    snapshot_.connected = true;
    snapshot_.seen_known = true;
    for (int i = 0; i < 200; ++i) {
      for (auto& [id, process] : processes_) process.ready = process.alive = true;
      for (auto& [id, sha256] : wanted_) {
        permits_[id] = {{absl::StrCat("final-", id), "replace", sha256}};
        ever_permitted_.insert({id, sha256});
      }
      snapshot_.last_answer = snapshot_.now;
      Round();
      if (::testing::Test::HasFatalFailure()) return;
    }
    ASSERT_EQ(processes_.size(), wanted_.size());
    for (const auto& [id, sha256] : wanted_) {
      ASSERT_TRUE(processes_.contains(id));
      EXPECT_EQ(processes_[id].sha256, sha256);
      EXPECT_TRUE(processes_[id].running);
      EXPECT_EQ(statuses_[id].status().state(), "Ready");
      EXPECT_EQ(statuses_[id].closed_permit_id(), absl::StrCat("final-", id));
    }
    // Once settled, nothing is done any more.
    const int before = acted_;
    for (int i = 0; i < 20; ++i) Round();
    EXPECT_EQ(acted_, before);
  }

 private:
  bool Chance(int percent) { return std::uniform_int_distribution<int>(0, 99)(random_) < percent; }
  int Below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  std::string Id() { return absl::StrCat("r", Below(3)); }

  void Disturb() {
    if (Chance(15)) wanted_[Id()] = absl::StrCat("v", Below(4));
    if (Chance(5)) wanted_.erase(Id());
    if (Chance(20)) {
      const std::string id = Id();
      permits_[id].push_back({absl::StrCat("p", next_++), "replace", absl::StrCat("v", Below(4))});
      ever_permitted_.insert({id, permits_[id].back().to_sha256});
    }
    if (Chance(10)) permits_.erase(Id());
    if (Chance(10)) snapshot_.connected = !snapshot_.connected;
    if (Chance(30)) snapshot_.last_answer = snapshot_.now;
    if (Chance(5)) snapshot_.seen_known = !snapshot_.seen_known;
    if (Chance(5)) snapshot_.adopting = true;
    if (Chance(3) && snapshot_.books.contains(Id())) restart_ = Id();
    for (auto& [id, process] : processes_) {
      if (Chance(10)) process.running = false;
      if (Chance(10)) process.ready = !process.ready;
      if (Chance(3)) process.alive = false;
    }
    if (Chance(1)) Reboot();
  }

  void Reboot() {
    processes_.clear();
    pending_.clear();
    snapshot_.boot_id = absl::StrCat("boot-", next_++);
    for (auto& [id, book] : snapshot_.books) book = BookOfBoot(book, snapshot_.boot_id);
    snapshot_.now = absl::Seconds(5);
    snapshot_.last_answer.reset();
    snapshot_.adopting = true;
  }

  Desired MakeDesired() const {
    Desired desired;
    for (const auto& [id, sha256] : wanted_) desired.wanted[id] = {sha256, {}};
    desired.leaves = permits_;
    for (int i = 0; i < 3; ++i) {
      for (int v = 0; v < 4; ++v) {
        ReplicaPolicy policy;
        policy.soak = absl::Seconds(10);
        policy.deadline = absl::Seconds(20);
        desired.policies[absl::StrCat("r", i)][absl::StrCat("v", v)] = policy;
      }
    }
    return desired;
  }

  void See() {
    snapshot_.seen.clear();
    for (const auto& [id, process] : processes_) {
      SeenReplica seen;
      seen.running = process.running;
      seen.sha256 = process.sha256;
      seen.run = process.run;
      if (!process.running) seen.exit = "code 1";
      seen.health.ready = process.ready;
      seen.health.alive = process.alive;
      snapshot_.seen[id] = seen;
    }
    snapshot_.busy.clear();
    for (const auto& [id, action] : pending_) snapshot_.busy.insert(id);
  }

  void Round() {
    FinishPending();
    snapshot_.now += absl::Seconds(1 + Below(5));
    snapshot_.wall += absl::Seconds(1);
    if (!restart_.empty() && snapshot_.books.contains(restart_))
      snapshot_.books[restart_].restart_asked = true;
    restart_.clear();
    See();
    const Plan plan = MakePlan(MakeDesired(), snapshot_);
    if (!snapshot_.seen_known) {
      ASSERT_TRUE(plan.actions.empty());
      return;
    }
    Check(plan);
    snapshot_.adopting = false;
    snapshot_.failures.clear();
    for (const ReplicaBook& book : plan.books) snapshot_.books[book.id] = book;
    for (const std::string& id : plan.forgets) snapshot_.books.erase(id);
    statuses_ = plan.statuses;
    for (const ReplicaAction& action : plan.actions) {
      ++acted_;
      pending_[action.id] = action;
    }
  }

  void Check(const Plan& plan) {
    std::set<std::string> acted;
    std::map<std::string, ReplicaBook> after = snapshot_.books;
    for (const ReplicaBook& book : plan.books) after[book.id] = book;
    // The site's own way back needs no permit, and is not undone by the centre wanting the same meanwhile.
    for (const ReplicaBook& book : plan.books) {
      if (book.on_previous) ever_permitted_.insert({book.id, book.current});
    }
    for (const ReplicaAction& action : plan.actions) {
      ASSERT_TRUE(acted.insert(action.id).second) << "two actions of one replica at once";
      ASSERT_FALSE(pending_.contains(action.id)) << "an action while one is under way";
      if (action.kind == ReplicaAction::Kind::kStart) {
        ASSERT_FALSE(processes_.contains(action.id)) << "two of one replica";
        ASSERT_TRUE(wanted_.contains(action.id)) << "a start of what nobody wants";
      } else if (action.kind == ReplicaAction::Kind::kStop) {
        CheckStop(action.id, after.at(action.id));
      }
    }
    for (const auto& [id, status] : plan.statuses) CheckMove(id, status);
  }

  void CheckStop(const std::string& id, const ReplicaBook& book) {
    const Process& process = processes_.at(id);
    if (!wanted_.contains(id)) return;
    const bool unchanged =
        wanted_[id] == process.sha256 && !book.restart_asked && book.rejected != process.sha256;
    ASSERT_FALSE(unchanged && process.alive) << "a healthy replica whose entry is unchanged was stopped";
    if (process.sha256 != book.current && !book.on_previous) {
      ASSERT_TRUE(ever_permitted_.contains({id, book.current}))
          << "replaced without a permit for " << book.current;
    }
  }

  void CheckMove(const std::string& id, const v1::ReplicaStatus& status) {
    auto before = last_states_.find(id);
    const std::string& now = status.status().state();
    if (before != last_states_.end() && before->second != now && !snapshot_.adopting) {
      ASSERT_TRUE(CanTransition(*ParseReplicaState(before->second), *ParseReplicaState(now)))
          << before->second << " to " << now;
    }
    last_states_[id] = now;
  }

  void FinishPending() {
    for (auto it = pending_.begin(); it != pending_.end();) {
      if (!calm_ && Chance(30)) {  // takes longer
        ++it;
        continue;
      }
      Finish(it->second);
      it = pending_.erase(it);
    }
  }

  void Finish(const ReplicaAction& action) {
    const bool fails = !calm_ && Chance(10);
    switch (action.kind) {
      case ReplicaAction::Kind::kStart:
        if (fails) {
          snapshot_.failures[action.id] = {"StartFailed", "no"};
        } else {
          ASSERT_FALSE(processes_.contains(action.id));
          processes_[action.id] = {
              .sha256 = action.sha256, .run = absl::StrCat("run", next_++), .ready = calm_ || Chance(60)};
        }
        break;
      case ReplicaAction::Kind::kStop:
        if (!fails && processes_.contains(action.id)) processes_[action.id].running = false;
        break;
      case ReplicaAction::Kind::kRemove:
        if (!fails && processes_.contains(action.id)) {
          ASSERT_FALSE(processes_[action.id].running) << "a running replica was removed";
          processes_.erase(action.id);
        }
        break;
      case ReplicaAction::Kind::kExtendLease:
        break;
    }
  }

  std::mt19937 random_;
  bool calm_ = false;
  int next_ = 0;
  int acted_ = 0;
  std::map<std::string, std::string> wanted_;
  std::map<std::string, std::vector<Leave>> permits_;
  std::set<std::pair<std::string, std::string>> ever_permitted_;
  std::map<std::string, Process> processes_;
  std::map<std::string, ReplicaAction> pending_;
  std::map<std::string, v1::ReplicaStatus> statuses_;
  std::map<std::string, std::string> last_states_;
  std::string restart_;
  Snapshot snapshot_;
};

TEST(ReconcilerProperty, HoldsItsInvariantsAndConverges) {
  for (const uint32_t seed : Rounds(80)) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    World world(seed);
    world.Live(300);
    if (!HasFatalFailure()) world.Settle();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace perigee::satellite
