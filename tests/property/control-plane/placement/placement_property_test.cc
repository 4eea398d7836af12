// Random worlds against brute force: nothing overcommitted, no port twice, nothing moved, as many replicas as there is
// room for, and the same plan however the world is shuffled.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "control-plane/placement/placement.h"
#include "tests/property/rounds.h"

namespace perigee::control {
namespace {

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  int Below(int n) { return static_cast<int>(engine_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }
  template <typename T>
  void Shuffle(std::vector<T>& items) {
    std::shuffle(items.begin(), items.end(), engine_);
  }

 private:
  std::mt19937_64 engine_;
};

Needs RandomNeeds(Dice& dice) {
  Needs needs;
  if (!dice.OneIn(4)) needs.resources["cpu"] = dice.Below(4) * 500;
  if (!dice.OneIn(4)) needs.resources["memory"] = dice.Below(4) * 1000;
  if (dice.OneIn(3)) needs.tcp_ports.insert(80 + dice.Below(2));
  if (dice.OneIn(3)) needs.udp_ports.insert(80 + dice.Below(2));
  return needs;
}

PlaceHost RandomHost(Dice& dice, int index, int sites) {
  PlaceHost host{.uid = "h" + std::to_string(index), .name = "h" + std::to_string(index)};
  host.site_uid = "s" + std::to_string(dice.Below(sites));
  if (!dice.OneIn(5)) host.capacity["cpu"] = 1000 + dice.Below(5) * 500;
  if (!dice.OneIn(5)) host.capacity["memory"] = 2000 + dice.Below(5) * 1000;
  host.live = !dice.OneIn(4);
  if (dice.OneIn(6)) host.closed = "cordoned";
  host.leaving = dice.OneIn(12);
  host.labels["disk"] = dice.OneIn(2) ? "ssd" : "hdd";
  return host;
}

bool Fits(const PlaceHost& host, const std::vector<const Needs*>& all) {
  Quantities used;
  std::multiset<int32_t> tcp, udp;
  for (const Needs* needs : all) {
    for (const auto& [name, quantity] : needs->resources) used[name] += quantity;
    tcp.insert(needs->tcp_ports.begin(), needs->tcp_ports.end());
    udp.insert(needs->udp_ports.begin(), needs->udp_ports.end());
  }
  for (const auto& [name, quantity] : used) {
    const auto capacity = host.capacity.find(name);
    if (capacity != host.capacity.end() && quantity > capacity->second) return false;
  }
  const auto doubled = [](const std::multiset<int32_t>& ports) {
    return std::adjacent_find(ports.begin(), ports.end()) != ports.end();
  };
  return !doubled(tcp) && !doubled(udp);
}

PlacementInput RandomWorld(Dice& dice) {
  PlacementInput input;
  const int sites = 1 + dice.Below(3), hosts = dice.Below(7);
  for (int i = 0; i < sites; ++i) {
    PlaceSite site{
        .uid = "s" + std::to_string(i), .name = "s" + std::to_string(i), .leaving = dice.OneIn(12)};
    site.labels["tier"] = dice.OneIn(3) ? "test" : "live";
    input.sites.push_back(site);
  }
  for (int i = 0; i < hosts; ++i) input.hosts.push_back(RandomHost(dice, i, sites));
  input.wanted = {.workload_uid = "w0", .replicas_per_site = 1 + dice.Below(3), .needs = RandomNeeds(dice)};
  if (dice.OneIn(3)) (*input.wanted.sites.mutable_match_labels())["tier"] = "live";
  if (dice.OneIn(3)) (*input.wanted.satellites.mutable_match_labels())["disk"] = "ssd";
  input.wanted.leaving = dice.OneIn(20);
  std::map<std::string, std::vector<Needs>> on;  // a world that is not overcommitted to begin with
  for (int i = 0; hosts > 0 && i < dice.Below(9); ++i) {
    const PlaceHost& host = input.hosts[dice.Below(hosts)];
    Placed placed{.assignment_uid = "a" + std::to_string(i),
                  .workload_uid = "w" + std::to_string(dice.Below(3)),
                  .satellite_uid = host.uid,
                  .ordinal = dice.Below(3),
                  .needs = RandomNeeds(dice),
                  .leaving = dice.OneIn(5)};
    placed.workload = placed.workload_uid;
    if (placed.workload_uid == "w0" && dice.OneIn(2)) placed.needs = input.wanted.needs;
    auto& there = on[host.uid];
    there.push_back(placed.needs);
    std::vector<const Needs*> all;
    for (const Needs& needs : there) all.push_back(&needs);
    if (!Fits(host, all)) {
      there.pop_back();
      continue;
    }
    input.placed.push_back(placed);
  }
  return input;
}

class Checker {
 public:
  Checker(const PlacementInput& input, const PlacementPlan& plan) : input_(input), plan_(plan) {
    for (const auto& host : input.hosts) hosts_[host.uid] = &host;
    for (const auto& site : input.sites) sites_[site.uid] = &site;
    for (const auto& cramped : plan.cramped) cramped_.insert(cramped.assignment_uid);
    keep_.insert(plan.keep.begin(), plan.keep.end());
  }

  void Check() {
    CheckRoom();
    CheckStability();
    CheckCounts();
    CheckTargets();
  }

 private:
  bool Selected(const std::string& site_uid) const {
    const PlaceSite& site = *sites_.at(site_uid);
    return !input_.wanted.leaving && !site.leaving && Matches(input_.wanted.sites, site.labels);
  }
  bool MayStay(const PlaceHost& host) const {
    return Selected(host.site_uid) && !host.leaving && Matches(input_.wanted.satellites, host.labels);
  }

  std::vector<const Needs*> On(const std::string& host) const {
    std::vector<const Needs*> all;
    for (const auto& placed : input_.placed) {
      if (placed.satellite_uid != host) continue;
      const bool becomes = keep_.contains(placed.assignment_uid) && !cramped_.contains(placed.assignment_uid);
      all.push_back(becomes ? &input_.wanted.needs : &placed.needs);
    }
    for (const auto& creation : plan_.creations) {
      if (creation.satellite_uid == host) all.push_back(&input_.wanted.needs);
    }
    return all;
  }

  void CheckRoom() {
    for (const auto& [uid, host] : hosts_) EXPECT_TRUE(Fits(*host, On(uid))) << "host " << uid;
  }

  void CheckStability() {
    std::map<std::string, int> valid;  // by site
    for (const auto& placed : input_.placed) {
      if (placed.workload_uid != "w0" || placed.leaving) continue;
      const PlaceHost& host = *hosts_.at(placed.satellite_uid);
      const bool removed = std::any_of(
          plan_.removals.begin(), plan_.removals.end(),
          [&](const Removal& removal) { return removal.assignment_uid == placed.assignment_uid; });
      EXPECT_NE(removed, keep_.contains(placed.assignment_uid));
      if (MayStay(host)) ++valid[host.site_uid];
      EXPECT_TRUE(removed || MayStay(host)) << placed.assignment_uid;
    }
    for (const SitePlan& site : plan_.sites) {
      const int kept =
          static_cast<int>(std::count_if(keep_.begin(), keep_.end(), [&](const std::string& uid) {
            for (const auto& placed : input_.placed) {
              if (placed.assignment_uid == uid)
                return hosts_.at(placed.satellite_uid)->site_uid == site.site_uid;
            }
            return false;
          }));
      EXPECT_EQ(kept, std::min(valid[site.site_uid], site.wanted))
          << "what is allowed is kept at " << site.site;
    }
  }

  void CheckCounts() {
    for (const SitePlan& site : plan_.sites) {
      EXPECT_TRUE(Selected(site.site_uid));
      EXPECT_LE(site.placed, site.wanted);
      EXPECT_EQ(site.reason.empty(), site.placed == site.wanted);
      if (site.placed == site.wanted) continue;
      // No host of the site has room for one more (all replicas are alike, so greedy is as good as any).
      for (const auto& [uid, host] : hosts_) {
        if (host->site_uid != site.site_uid || !MayStay(*host) || !host->closed.empty()) continue;
        auto all = On(uid);
        all.push_back(&input_.wanted.needs);
        // A kept replica that shrinks frees its room when it is replaced, not now.
        for (const auto& placed : input_.placed) {
          if (placed.satellite_uid == uid && keep_.contains(placed.assignment_uid)) return;
        }
        EXPECT_FALSE(Fits(*host, all)) << "there was room on " << uid;
      }
    }
    const auto selected = std::count_if(input_.sites.begin(), input_.sites.end(),
                                        [&](const PlaceSite& site) { return Selected(site.uid); });
    EXPECT_EQ(static_cast<size_t>(selected), plan_.sites.size());
  }

  void CheckTargets() {
    std::map<std::string, std::set<int>> ordinals;
    for (const Creation& creation : plan_.creations) {
      const PlaceHost& host = *hosts_.at(creation.satellite_uid);
      EXPECT_TRUE(MayStay(host) && host.closed.empty());
      EXPECT_EQ(host.site_uid, creation.site_uid);
      EXPECT_TRUE(ordinals[creation.site_uid].insert(creation.ordinal).second);
    }
  }

  const PlacementInput& input_;
  const PlacementPlan& plan_;
  std::map<std::string, const PlaceHost*> hosts_;
  std::map<std::string, const PlaceSite*> sites_;
  std::set<std::string> cramped_, keep_;
};

TEST(PlacementProperty, HoldsInRandomWorlds) {
  for (const uint32_t seed : Rounds(5000)) {
    SCOPED_TRACE(seed);
    Dice dice(seed);
    PlacementInput input = RandomWorld(dice);
    const PlacementPlan plan = Place(input);
    Checker(input, plan).Check();
    dice.Shuffle(input.sites);
    dice.Shuffle(input.hosts);
    dice.Shuffle(input.placed);
    EXPECT_EQ(Place(input), plan) << "the order of the world does not matter";
  }
}

// Carrying the plan out leaves nothing to do.
TEST(PlacementProperty, IsSettledAfterwards) {
  for (const uint32_t seed : Rounds(2000)) {
    SCOPED_TRACE(seed);
    Dice dice(seed);
    PlacementInput input = RandomWorld(dice);
    const PlacementPlan plan = Place(input);
    for (const Removal& removal : plan.removals) {
      std::erase_if(input.placed,
                    [&](const Placed& placed) { return placed.assignment_uid == removal.assignment_uid; });
    }
    int next = 0;
    for (const Creation& creation : plan.creations) {
      input.placed.push_back({.assignment_uid = "new" + std::to_string(next++),
                              .workload_uid = "w0",
                              .workload = "w0",
                              .satellite_uid = creation.satellite_uid,
                              .ordinal = creation.ordinal,
                              .needs = input.wanted.needs});
    }
    const PlacementPlan again = Place(input);
    EXPECT_TRUE(again.removals.empty());
    for (const SitePlan& site : again.sites) {
      if (site.reason.empty()) continue;
      EXPECT_TRUE(again.creations.empty() || !plan.removals.empty());
    }
  }
}

}  // namespace
}  // namespace perigee::control
