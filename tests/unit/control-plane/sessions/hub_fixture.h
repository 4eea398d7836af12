// A hub on real modules in memory, and streams that a test holds by their other end.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "absl/synchronization/mutex.h"
#include "control-plane/secrets/vault.h"
#include "control-plane/sessions/hub.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/memory_store.h"
#include "proto/perigee/v1/stored.pb.h"
#include "shared/session/delta.h"
#include "tests/unit/shared/session/session_fixture.h"

namespace perigee::control {

// What the hub sends to one satellite.
class FakeStream final : public Outbound {
 public:
  void Send(v1::FromControlPlane message) override {
    absl::MutexLock lock(&mutex_);
    sent_.push_back(std::move(message));
  }
  void ReadMore() override {}
  void Finish(absl::Status status) override {
    absl::MutexLock lock(&mutex_);
    finished_ = std::move(status);
  }

  // The next message that `wanted` takes; those before it are dropped. Nothing within ten seconds: a failure.
  v1::FromControlPlane Await(const std::function<bool(const v1::FromControlPlane&)>& wanted) {
    absl::MutexLock lock(&mutex_);
    std::optional<v1::FromControlPlane> found;
    const auto look = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      while (!found && !sent_.empty()) {
        if (wanted(sent_.front())) found = sent_.front();
        sent_.pop_front();
      }
      return found.has_value();
    };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&look), absl::Seconds(10))) {
      ADD_FAILURE() << "the hub did not send what was awaited";
      return {};
    }
    return *found;
  }
  v1::Delta AwaitDelta() {
    return Await([](const auto& m) { return m.has_delta(); }).delta();
  }
  absl::Status AwaitEnd() {
    absl::MutexLock lock(&mutex_);
    const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return finished_.has_value(); };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&ended), absl::Seconds(10)))
      return absl::UnknownError("still open");
    return *finished_;
  }
  bool ended() {
    absl::MutexLock lock(&mutex_);
    return finished_.has_value();
  }

 private:
  absl::Mutex mutex_;
  std::deque<v1::FromControlPlane> sent_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> finished_ ABSL_GUARDED_BY(mutex_);
};

class HubFixture : public ::testing::Test {
 protected:
  explicit HubFixture(std::unique_ptr<Store> store = NewMemoryStore(SystemClock()))
      : store_(std::move(store)), vault_(Vault::Ephemeral(SystemRandom())) {
    model_ = *Model::Start(*store_);
    observation_ = *Observation::Open(*store_, *model_, SystemClock(), SystemRandom());
    intent_ = std::make_unique<Intent>(
        Intent::Parts{.store = *store_, .vault = *vault_, .clock = SystemClock(), .random = SystemRandom()});
  }

  void StartHub() {
    auto hub =
        SessionHub::Start({.heartbeat = absl::Milliseconds(400), .challenge_answer = absl::Milliseconds(200)},
                          {.store = *store_,
                           .model = *model_,
                           .intent = *intent_,
                           .observation = *observation_,
                           .deny_list = deny_list_,
                           .signer = signer_,
                           .clock = SystemClock(),
                           .random = SystemRandom(),
                           .sanitize_text = [](std::string_view text,
                                               size_t limit) { return std::string(text.substr(0, limit)); },
                           .sanitize_facts = [](const v1::SatelliteFacts& facts) { return facts; }});
    ASSERT_TRUE(hub.ok()) << hub.status();
    hub_ = *std::move(hub);
  }

  int64_t Commit(v1::Resource resource) {
    std::vector<Intent::Change> changes;
    changes.push_back({"test", std::move(resource)});
    const auto revision = intent_->Commit(SystemCaller("test"), std::move(changes));
    EXPECT_TRUE(revision.ok()) << revision.status();
    EXPECT_TRUE(model_->WaitFor(revision.value_or(0), absl::Seconds(10)).ok());
    return revision.value_or(0);
  }
  std::string AddSatellite(const std::string& name) {
    v1::Resource resource;
    resource.mutable_satellite()->mutable_metadata()->set_name(name);
    resource.mutable_satellite()->mutable_spec()->set_site("berlin");
    Commit(std::move(resource));
    return MetaOfSatellite(name).uid();
  }
  v1::ObjectMeta MetaOfSatellite(const std::string& name) {
    return static_cast<const v1::Satellite&>(*model_->Get("Satellite", "", name)).metadata();
  }
  std::string AddAssignment(const std::string& name, const std::string& satellite_uid,
                            bool deleting = false) {
    v1::Resource resource;
    v1::Assignment& assignment = *resource.mutable_assignment();
    assignment.mutable_metadata()->set_name(name);
    assignment.mutable_metadata()->set_project("default");
    if (deleting) assignment.mutable_metadata()->mutable_deleting_since()->set_seconds(1);
    assignment.mutable_spec()->set_satellite_uid(satellite_uid);
    assignment.mutable_spec()->set_workload("web");
    Commit(std::move(resource));
    return static_cast<const v1::Assignment&>(*model_->Get("Assignment", "default", name)).metadata().uid();
  }
  // As controllers write them: head and entries in one transaction.
  void StoreEntries(const std::string& satellite_uid, uint64_t sequence,
                    const std::map<std::string, std::string>& payloads) {
    Transaction transaction;
    Digests digests;
    for (const auto& [key, payload] : payloads) {
      v1::StoredEntry stored;
      *stored.mutable_entry() = MakeEntry(key, payload);
      stored.set_sequence(sequence);
      digests[key] = stored.entry().sha256();
      transaction.puts.push_back({keys::Entry(satellite_uid, key), stored.SerializeAsString()});
    }
    v1::StoredHead head;
    head.set_sequence(sequence);
    head.set_root(RootOf(digests));
    transaction.puts.push_back({keys::EntriesHead(satellite_uid), head.SerializeAsString()});
    ASSERT_TRUE(store_->Commit(std::move(transaction)).ok());
  }

  std::pair<SessionId, std::shared_ptr<FakeStream>> Connect(const std::string& uid,
                                                            const AppliedState& have = {}) {
    auto stream = std::make_shared<FakeStream>();
    const SessionId id = hub_->Open({uid, "serial", absl::Now() + absl::Hours(1)}, stream);
    v1::FromSatellite message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol(1);
    hello.mutable_facts()->set_hostname("host-of-" + uid);
    *hello.mutable_clock() = ToTimestamp(absl::Now());
    if (have.epoch.number() > 0) *hello.mutable_applied_epoch() = have.epoch;
    hello.set_applied_sequence(have.sequence);
    hello.set_applied_root(have.root);
    hub_->Receive(id, message);
    return {id, stream};
  }
  // Connected and welcomed.
  std::pair<SessionId, std::shared_ptr<FakeStream>> ConnectLive(const std::string& uid) {
    auto connected = Connect(uid);
    connected.second->Await([](const auto& m) { return m.has_welcome(); });
    return connected;
  }
  AppliedState Apply(SessionId id, const std::string& uid, const AppliedState& have, const v1::Delta& delta) {
    auto plan = PlanDelta(have, delta, uid, {signer_.PublicKey()});
    EXPECT_TRUE(plan.ok()) << plan.status();
    if (!plan.ok()) return have;
    v1::FromSatellite message;
    *message.mutable_applied()->mutable_epoch() = plan->next.epoch;
    message.mutable_applied()->set_sequence(plan->next.sequence);
    message.mutable_applied()->set_root(plan->next.root);
    hub_->Receive(id, message);
    return plan->next;
  }
  // Once the model shows it; ten seconds at most.
  bool Eventually(const std::function<bool()>& condition) {
    auto subscription = model_->Subscribe({});
    const absl::Time until = absl::Now() + absl::Seconds(10);
    while (!condition()) {
      if (absl::Now() > until) return false;
      if (!subscription->Next(absl::Milliseconds(50)).ok()) subscription = model_->Subscribe({});
    }
    return true;
  }
  v1::SatelliteStatus StatusOfSatellite(const std::string& uid) {
    const ObjectPtr object = model_->GetByUid("Satellite", uid);
    return object == nullptr ? v1::SatelliteStatus() : static_cast<const v1::Satellite&>(*object).status();
  }
  v1::AssignmentStatus StatusOfAssignment(const std::string& uid) {
    return static_cast<const v1::Assignment&>(*model_->GetByUid("Assignment", uid)).status();
  }
  bool HasEvent(const std::string& object_uid, const std::string& reason) {
    const auto events = observation_->Events(object_uid, 100);
    if (!events.ok()) return false;
    for (const v1::Event& event : *events) {
      if (event.reason() == reason) return true;
    }
    return false;
  }

  const TestSigner signer_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<Observation> observation_;
  std::unique_ptr<Intent> intent_;
  DenyList deny_list_;
  std::unique_ptr<SessionHub> hub_;
};

}  // namespace perigee::control
