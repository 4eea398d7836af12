// Both cores against a bad world: replayed, reordered, doubled and lost messages; cut links; failing disks; restarts.
#include <deque>
#include <set>

#include <gtest/gtest.h>

#include "shared/base/random.h"
#include "tests/property/rounds.h"
#include "tests/unit/shared/session/session_fixture.h"

namespace perigee {
namespace {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  uint64_t Below(uint64_t n) { return static_cast<uint64_t>(random_.Fraction() * static_cast<double>(n)); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  SeededRandom random_;
};

std::map<std::string, std::string> RandomPayloads(Dice& dice) {
  std::map<std::string, std::string> payloads;
  for (uint64_t i = dice.Below(6); i > 0; --i) {
    payloads["replica/" + std::to_string(dice.Below(8))] = "payload " + std::to_string(dice.Below(4));
  }
  return payloads;
}

// (I4) Whatever is replayed in whatever order, the applied pair never falls, and one pair always means one root.
TEST(SessionProperty, ReplayedDeltasNeverMoveASatelliteBack) {
  const TestSigner signer;
  for (const uint32_t seed : Rounds(6)) {
    SCOPED_TRACE(seed);
    Dice dice(seed);
    std::vector<v1::Delta> recorded;
    Base last;
    uint64_t sequence = 0;
    v1::Epoch epoch = MakeEpoch(1);
    for (int i = 0; i < 20; ++i) {
      if (dice.OneIn(5)) epoch = MakeEpoch(epoch.number() + 1, static_cast<char>('a' + i));
      const DesiredPtr desired = MakeDesired(signer, epoch, ++sequence, RandomPayloads(dice));
      for (v1::Delta& part : BuildDelta(epoch, *desired, dice.OneIn(3) || i == 0 ? nullptr : &last))
        recorded.push_back(part);
      last = {sequence, desired->DigestMap()};
    }
    AppliedState have;
    std::map<std::pair<uint64_t, uint64_t>, std::string> roots;
    for (int i = 0; i < 150; ++i) {
      const v1::Delta& delta = recorded[dice.Below(recorded.size())];
      const auto plan = PlanDelta(have, delta, kUid, {signer.PublicKey()});
      if (!plan.ok()) continue;
      const auto before = std::pair(have.epoch.number(), have.sequence);
      const auto after = std::pair(plan->next.epoch.number(), plan->next.sequence);
      ASSERT_GE(after, before);
      ASSERT_EQ(plan->changes, after != before);
      ASSERT_EQ(RootOf(plan->next.digests), plan->next.root);
      const auto [known, fresh] = roots.emplace(after, plan->next.root);
      ASSERT_EQ(known->second, plan->next.root);
      have = plan->next;
    }
  }
}

// A satellite and a control plane over a pipe that loses streams, with a disk that fails and restarts of both.
class World {
 public:
  explicit World(uint64_t seed) : dice_(seed) {
    satellite_.emplace(Config(), AppliedState());
    NewCentre();
  }

  void Disturb() {
    switch (dice_.Below(9)) {
      case 0:
        Cut();
        break;
      case 1: {  // the control plane starts again
        Cut();
        epoch_ = MakeEpoch(epoch_.number() + 1, static_cast<char>('A' + dice_.Below(26)));
        desired_ = MakeDesired(signer_, epoch_, desired_->sequence, payloads_);
        known_.reset();
        break;
      }
      case 2:  // the agent starts again from its disk
        Cut();
        satellite_.emplace(Config(), disk_);
        break;
      case 3:
      case 4:
        payloads_ = RandomPayloads(dice_);
        desired_ = MakeDesired(signer_, epoch_, desired_->sequence + 1, payloads_);
        if (centre_) Centre(centre_->Step(CentreSession::DesiredChanged{epoch_, desired_}, now()));
        break;
      case 5:
        disk_fails_ = !disk_fails_;
        break;
      case 6:
        now_ += 7;
        Satellite(satellite_->Step(SatelliteSession::Tick{}, now()));
        break;
      default:
        Deliver();
    }
  }

  // The faults are over: until nothing moves any more.
  void Settle() {
    disk_fails_ = false;
    for (int i = 0; i < 2000 && !Converged(); ++i) {
      now_ += 0.2;
      if (!connected_) Connect();
      Deliver();
      if (connected_) Satellite(satellite_->Step(SatelliteSession::Tick{}, now()));
      if (centre_) Centre(centre_->Step(CentreSession::Tick{}, now()));
    }
  }

  bool Converged() const {
    return satellite_->applied().sequence == desired_->sequence &&
           satellite_->applied().epoch.id() == epoch_.id() && disk_.root == RootOf(desired_->DigestMap()) &&
           down_.empty() && up_.empty();
  }
  std::string Describe() const {
    return "applied " + std::to_string(satellite_->applied().sequence) + " wanted " +
           std::to_string(desired_->sequence) + " disk entries " + std::to_string(disk_entries_.size());
  }
  const std::map<std::string, std::string>& disk_entries() const { return disk_entries_; }
  const std::map<std::string, std::string>& payloads() const { return payloads_; }
  void Start() {
    desired_ = MakeDesired(signer_, epoch_, 1, payloads_);
    Connect();
  }

 private:
  SatelliteSession::Config Config() {
    return {.satellite_uid = kUid, .delivery_keys = {signer_.PublicKey()}};
  }
  Moment now() const { return At(now_); }
  void NewCentre() { centre_.emplace(CentreSession::Config{.heartbeat_period = absl::Seconds(10)}, now()); }

  void Cut() {
    if (!connected_) return;
    connected_ = false;
    down_.clear();
    up_.clear();
    centre_.reset();
    satellite_->Step(SatelliteSession::Disconnected{}, now());
  }
  void Connect() {
    connected_ = true;
    NewCentre();
    Satellite(satellite_->Step(SatelliteSession::Connected{}, now()));
  }
  void Deliver() {
    if (!connected_) return Connect();
    if (!up_.empty()) {
      const v1::FromSatellite message = up_.front();
      up_.pop_front();
      if (centre_) Centre(centre_->Step(CentreSession::Received{message}, now()));
    }
    if (!down_.empty()) {
      const v1::FromControlPlane message = down_.front();
      down_.pop_front();
      Satellite(satellite_->Step(SatelliteSession::Received{message}, now()));
    }
  }
  void Satellite(const SatelliteSession::Effects& effects) {
    for (const auto& effect : effects) {
      if (const auto* send = std::get_if<SatelliteSession::Send>(&effect)) {
        if (connected_) up_.push_back(send->message);
      } else if (const auto* persist = std::get_if<SatelliteSession::Persist>(&effect)) {
        const bool fails = disk_fails_ && dice_.OneIn(2);
        if (!fails) Write(persist->plan);
        Satellite(satellite_->Step(SatelliteSession::Persisted{!fails}, now()));
      } else if (std::holds_alternative<SatelliteSession::CloseStream>(effect)) {
        Cut();
        return;
      } else if (const auto* alarm = std::get_if<SatelliteSession::Alarm>(&effect)) {
        ADD_FAILURE() << alarm->reason << ": " << alarm->message;
      }
    }
  }
  void Write(const DeltaPlan& plan) {
    const auto pair = [](const AppliedState& state) {
      return std::pair(state.epoch.number(), state.sequence);
    };
    ASSERT_GT(pair(plan.next), pair(disk_));
    disk_ = plan.next;
    for (const v1::Entry& entry : plan.puts) disk_entries_[entry.key()] = entry.payload();
    for (const std::string& key : plan.deletes) disk_entries_.erase(key);
  }
  void Centre(const CentreSession::Effects& effects) {
    for (const auto& effect : effects) {
      if (const auto* send = std::get_if<CentreSession::Send>(&effect)) {
        if (connected_) down_.push_back(send->message);
      } else if (std::holds_alternative<CentreSession::Greeted>(effect)) {
        Centre(centre_->Step(CentreSession::Admit{epoch_, desired_, known_}, now()));
      } else if (const auto* applied = std::get_if<CentreSession::AppliedNow>(&effect)) {
        if (!applied->base.digests.empty()) known_ = applied->base;
      } else if (const auto* ahead = std::get_if<CentreSession::Ahead>(&effect)) {
        ADD_FAILURE() << ahead->message;
      } else if (std::holds_alternative<CentreSession::Close>(effect)) {
        return Cut();
      }
    }
  }

  const TestSigner signer_;
  Dice dice_;
  double now_ = 0;
  v1::Epoch epoch_ = MakeEpoch(1);
  std::map<std::string, std::string> payloads_ = {{"replica/0", "first"}};
  DesiredPtr desired_ = std::make_shared<DesiredEntries>();
  std::optional<Base> known_;
  std::optional<SatelliteSession> satellite_;
  std::optional<CentreSession> centre_;
  bool connected_ = false;
  bool disk_fails_ = false;
  std::deque<v1::FromControlPlane> down_;
  std::deque<v1::FromSatellite> up_;
  AppliedState disk_;
  std::map<std::string, std::string> disk_entries_;
};

TEST(SessionProperty, BothEndsConvergeOverALossyLink) {
  for (const uint32_t seed : Rounds(12)) {
    SCOPED_TRACE(seed);
    World world(seed);
    world.Start();
    for (int i = 0; i < 150; ++i) world.Disturb();
    world.Settle();
    ASSERT_TRUE(world.Converged()) << world.Describe();
    ASSERT_EQ(world.disk_entries(), world.payloads());
  }
}

}  // namespace
}  // namespace perigee
