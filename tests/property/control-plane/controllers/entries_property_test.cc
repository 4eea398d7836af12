// A satellite's entries through random histories of workloads, configs, secrets, permits and values of its site. Each
// decision is checked against what was stored before it, then stored. Revisions are of keys of Configs; in every other
// history some are of whole Configs, as older control planes made them.
#include "control-plane/controllers/decide_entries.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shared/base/random.h"
#include "shared/base/string_views.h"
#include "shared/session/entries.h"
#include "tests/property/rounds.h"

namespace perigee::control {
namespace {

using Entries = std::map<std::string, v1::StoredEntry>;

// Like a real one, it never makes the same bytes twice.
class NumberingSealer final : public Sealer {
 public:
  explicit NumberingSealer(int first) : next_(first) {}
  absl::StatusOr<std::string> Seal(const v1::Secret& secret, const v1::Satellite&) override {
    return absl::StrCat(secret.spec().version(), " #", next_++);
  }

 private:
  int next_;
};

StoredEntries InfosOf(const Entries& entries) {
  StoredEntries infos;
  for (const auto& [key, entry] : entries) infos[key] = InfoOf(entry);
  return infos;
}

std::string TextOf(const EntriesPlan& plan) {
  std::string text = plan.head.SerializeAsString();
  for (const v1::StoredEntry& put : plan.puts) absl::StrAppend(&text, "|", put.SerializeAsString());
  for (const std::string& key : plan.deletes) absl::StrAppend(&text, "|-", key);
  for (const auto& [uid, why] : plan.problems) absl::StrAppend(&text, "|", uid, why.ToString());
  return text;
}

class World {
 public:
  explicit World(uint32_t seed) : random_(seed), keys_only_(seed % 2 == 0) {
    site_.mutable_metadata()->set_name("berlin");
    satellite_.mutable_metadata()->set_name("berlin-1");
    satellite_.mutable_status()->mutable_facts()->set_address("10.0.0.1");
    for (const char* name : {"c0", "c1"}) ChangeConfig(name);
    for (const char* name : {"s0", "s1"}) ChangeSecret(name);
    v1::StoredEntry foreign;  // of a family that this decision does not own
    *foreign.mutable_entry() = MakeEntry("note/1", "not ours");
    entries_["note/1"] = foreign;
    for (int i = 0; i < 1 + Below(3); ++i) AddWorkload();
  }

  void Happen() {
    switch (Below(9)) {
      case 0:
        return AddWorkload();
      case 1:
        return ChangeConfig(absl::StrCat("c", Below(2)));
      case 2:
        return ChangeSecret(absl::StrCat("s", Below(2)));
      case 3:
        satellite_.mutable_status()->mutable_facts()->set_address(absl::StrCat("10.0.0.", Below(3)));
        return satellite_.mutable_status()->set_sealing_certificate(absl::StrCat("certificate-", Below(2)));
      case 4:
        if (Chance()) return void(site_.mutable_spec()->mutable_values()->erase("city"));
        (*site_.mutable_spec()->mutable_values())["city"] = absl::StrCat("city-", Below(3));
        return;
      case 5:
      case 6:
        return WithSomeAssignment([this](v1::Assignment& one) { Roll(one); });
      case 7:
        return WithSomeAssignment([this](v1::Assignment& one) {
          one.mutable_metadata()->mutable_deleting_since()->set_seconds(1);
          one.mutable_spec()->set_permit_id(Next("permit"));  // as the rollout does: both at once
        });
      default:
        return WithSomeAssignment([this](v1::Assignment& one) { assignments_.erase(one.metadata().uid()); });
    }
  }

  EntriesPlan Decide(const std::string& without_workload = "") const {
    NumberingSealer sealer(static_cast<int>(sequence_) * 1'000);
    return DecideEntries(Snapshot(without_workload), InfosOf(entries_), sequence_, sealer,
                         absl::FromUnixSeconds(1'700'000'000));
  }

  Entries After(const EntriesPlan& plan) const {
    Entries after = entries_;
    for (const std::string& key : plan.deletes) after.erase(key);
    for (const v1::StoredEntry& put : plan.puts) after[put.entry().key()] = put;
    return after;
  }
  void Store(const EntriesPlan& plan) {
    entries_ = After(plan);
    sequence_ = plan.head.sequence();
  }

  // Whether no revision is of a Config as a whole.
  bool keys_only() const { return keys_only_; }
  // The same world, had the keys that nobody refers to other content.
  World WithOtherUnusedKeys() const {
    World other = *this;
    for (auto& [name, config] : other.configs_) {
      auto& data = *config.mutable_spec()->mutable_data();
      data["unused"] = absl::StrCat(data["unused"], " changed ${site.values.nowhere}");
      data["new"] = "";
    }
    return other;
  }

  const Entries& entries() const { return entries_; }
  const v1::Assignment* Find(const std::string& uid) const {
    const auto found = assignments_.find(uid);
    return found == assignments_.end() ? nullptr : &found->second;
  }
  std::set<std::string> Workloads() const {
    std::set<std::string> uids;
    for (const auto& [uid, assignment] : assignments_) uids.insert(assignment.spec().workload_uid());
    return uids;
  }

 private:
  int Below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  bool Chance() { return Below(2) == 0; }
  std::string Next(std::string_view what) { return absl::StrCat(ToAbsl(what), "-", ++names_); }

  void ChangeConfig(const std::string& name) {
    v1::Config& config = configs_[name];
    config.mutable_metadata()->set_name(name);
    config.mutable_metadata()->set_project("shop");
    for (const char* key : {"file", "other", "unused"}) {
      if (Chance()) continue;
      (*config.mutable_spec()->mutable_data())[key] =
          absl::StrCat("content ", Below(3), Chance() ? " in ${site.values.city}" : "");
    }
  }
  void ChangeSecret(const std::string& name) {
    v1::Secret& secret = secrets_[name];
    secret.mutable_metadata()->set_name(name);
    secret.mutable_metadata()->set_project("shop");
    secret.mutable_spec()->set_version(Next("version"));
  }

  // Of the configs and secrets as they are now.
  std::string NewRevision() {
    const std::string uid = Next("revision");
    v1::WorkloadRevision& revision = revisions_[uid];
    revision.mutable_metadata()->set_uid(uid);
    revision.mutable_spec()->set_number(static_cast<int>(revisions_.size()));
    v1::WorkloadTask& task = *revision.mutable_spec()->mutable_template_()->add_tasks();
    task.set_name("main");
    task.add_command(absl::StrCat("/bin/run", Below(3)));
    if (Chance()) task.add_command("--listen=${satellite.address}");
    if (Chance()) task.add_command("--city=${site.values.city}");
    for (const auto& [name, config] : configs_) {
      if (Chance()) ReferTo(config, task, revision);
    }
    for (const auto& [name, secret] : secrets_) {
      if (Chance()) (*revision.mutable_spec()->mutable_secret_versions())[name] = secret.spec().version();
    }
    return uid;
  }

  void ReferTo(const v1::Config& config, v1::WorkloadTask& task, v1::WorkloadRevision& revision) {
    const std::string& name = config.metadata().name();
    std::set<std::string> keys;
    for (const char* key : {"file", "other"}) {
      if (!config.spec().data().contains(key) || Chance()) continue;
      keys.insert(key);
      v1::FileMount& file = *task.add_files();
      file.set_path(absl::StrCat("/srv/", name, "/", key));
      file.mutable_from_config()->set_name(name);
      file.mutable_from_config()->set_key(key);
    }
    if (keys.empty()) return;
    (*revision.mutable_spec()->mutable_config_versions())[name] =
        keys_only_ || Chance() ? ConfigKeysVersion(config, keys) : ConfigVersion(config);
  }

  void AddWorkload() {
    const std::string workload = Next("workload");
    const std::string revision = NewRevision();
    for (int ordinal = 0; ordinal < 1 + Below(3); ++ordinal) {
      const std::string uid = Next("assignment");
      v1::Assignment& assignment = assignments_[uid];
      assignment.mutable_metadata()->set_uid(uid);
      assignment.mutable_metadata()->set_project("shop");
      assignment.mutable_spec()->set_workload_uid(workload);
      assignment.mutable_spec()->set_workload(workload);
      assignment.mutable_spec()->set_revision_uid(revision);
      assignment.mutable_spec()->set_ordinal(ordinal);
    }
  }

  // To a new revision, with a permit, without one (which must change nothing), or only letting go of the permit.
  void Roll(v1::Assignment& assignment) {
    if (Below(4) != 0) assignment.mutable_spec()->set_revision_uid(NewRevision());
    assignment.mutable_spec()->set_permit_id(Below(3) == 0 ? "" : Next("permit"));
  }

  template <typename Function>
  void WithSomeAssignment(const Function& function) {
    if (assignments_.empty()) return;
    auto one = assignments_.begin();
    std::advance(one, Below(static_cast<int>(assignments_.size())));
    function(one->second);
  }

  SatelliteSnapshot Snapshot(const std::string& without_workload) const {
    SatelliteSnapshot snapshot;
    snapshot.satellite = std::make_shared<v1::Satellite>(satellite_);
    snapshot.site = std::make_shared<v1::Site>(site_);
    for (const auto& [uid, assignment] : assignments_) {
      if (assignment.spec().workload_uid() != without_workload)
        snapshot.assignments.push_back(std::make_shared<v1::Assignment>(assignment));
    }
    for (const auto& [uid, revision] : revisions_)
      snapshot.revisions[uid] = std::make_shared<v1::WorkloadRevision>(revision);
    for (const auto& [name, config] : configs_)
      snapshot.configs["shop"][name] = std::make_shared<v1::Config>(config);
    for (const auto& [name, secret] : secrets_)
      snapshot.secrets["shop"][name] = std::make_shared<v1::Secret>(secret);
    return snapshot;
  }

  std::mt19937 random_;
  bool keys_only_;
  int names_ = 0;
  v1::Site site_;
  v1::Satellite satellite_;
  std::map<std::string, v1::Config> configs_;
  std::map<std::string, v1::Secret> secrets_;
  std::map<std::string, v1::WorkloadRevision> revisions_;
  std::map<std::string, v1::Assignment> assignments_;
  Entries entries_;
  uint64_t sequence_ = 0;
};

// What a history has made, to find two different entries of one source. A secret that went and came back is sealed
// anew; everything else is made of its source alone.
class Made {
 public:
  void Check(const EntriesPlan& plan, const Entries& before) {
    for (const v1::StoredEntry& put : plan.puts) {
      const std::string& key = put.entry().key();
      const auto stored = before.find(key);
      const bool was_right = stored != before.end() && stored->second.source() == put.source();
      EXPECT_FALSE(was_right) << key;
      if (absl::StartsWith(key, "secret/")) continue;
      const auto [first, is_new] = bytes_.try_emplace({key, put.source()}, put.entry().payload());
      EXPECT_EQ(first->second, put.entry().payload()) << key;
    }
  }

 private:
  std::map<std::pair<std::string, std::string>, std::string> bytes_;
};

// What runs changes, or goes, only under a permit that was not used before and that names the new entry.
void CheckPermits(const World& world, const EntriesPlan& plan) {
  const Entries after = world.After(plan);
  const auto allows = [&](const v1::Assignment& assignment, const std::string& action,
                          const std::string& to_sha256) {
    const std::string key = PermitKey(assignment.spec().permit_id());
    const auto permit = after.find(key);
    ASSERT_NE(permit, after.end()) << key;
    EXPECT_FALSE(action == "replace" && world.entries().contains(key)) << key << " is used a second time";
    v1::EntryPayload payload;
    ASSERT_TRUE(payload.ParseFromString(permit->second.entry().payload()));
    EXPECT_EQ(payload.permit().assignment_uid(), assignment.metadata().uid());
    EXPECT_EQ(payload.permit().action(), action);
    EXPECT_EQ(payload.permit().to_sha256(), HexEncode(to_sha256));
  };
  for (const v1::StoredEntry& put : plan.puts) {
    const std::string& key = put.entry().key();
    if (!absl::StartsWith(key, "replica/") || !world.entries().contains(key)) continue;
    allows(*world.Find(key.substr(8)), "replace", put.entry().sha256());
  }
  for (const std::string& key : plan.deletes) {
    EXPECT_TRUE(world.entries().contains(key)) << key;
    if (!absl::StartsWith(key, "replica/")) continue;
    const v1::Assignment* assignment = world.Find(key.substr(8));
    if (assignment != nullptr) allows(*assignment, "remove", "");
  }
}

void CheckWhole(const Entries& entries, const v1::StoredHead& head) {
  Digests digests;
  for (const auto& [key, entry] : entries) {
    digests[key] = entry.entry().sha256();
    for (const std::string& other : InfoOf(entry).refers_to)
      EXPECT_TRUE(entries.contains(other)) << key << " needs " << other;
  }
  EXPECT_EQ(head.root(), RootOf(digests));
  EXPECT_TRUE(entries.contains("note/1"));
}

void CheckRemovalTouchesNothingElse(const World& world, const std::string& workload) {
  const EntriesPlan plan = world.Decide(workload);
  EXPECT_TRUE(plan.puts.empty()) << plan.puts[0].entry().key();
  CheckWhole(world.After(plan), plan.head);
  for (const std::string& key : plan.deletes) {
    if (!absl::StartsWith(key, "replica/") && !absl::StartsWith(key, "permit/")) continue;
    v1::EntryPayload payload;
    ASSERT_TRUE(payload.ParseFromString(world.entries().at(key).entry().payload()));
    const std::string& uid =
        payload.has_permit() ? payload.permit().assignment_uid() : payload.replica().assignment_uid();
    const v1::Assignment* assignment = world.Find(uid);
    ASSERT_NE(assignment, nullptr) << key;
    EXPECT_EQ(assignment->spec().workload_uid(), workload) << key;
  }
}

TEST(EntriesProperty, WhatIsStoredAndStillRightStaysByteForByte) {
  for (const uint32_t seed : Rounds(100)) {
    SCOPED_TRACE(seed);
    World world(seed);
    Made made;
    for (int step = 0; step < 30 && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE(step);
      const EntriesPlan plan = world.Decide();
      EXPECT_TRUE(TextOf(world.Decide()) == TextOf(plan)) << "the same world was decided in two ways";
      EXPECT_TRUE(!world.keys_only() || TextOf(world.WithOtherUnusedKeys().Decide()) == TextOf(plan))
          << "a key that nobody refers to has a say";
      made.Check(plan, world.entries());
      CheckPermits(world, plan);
      CheckWhole(world.After(plan), plan.head);
      world.Store(plan);
      EXPECT_FALSE(world.Decide().changes());
      for (const std::string& workload : world.Workloads()) CheckRemovalTouchesNothingElse(world, workload);
      world.Happen();
    }
  }
}

}  // namespace
}  // namespace perigee::control
