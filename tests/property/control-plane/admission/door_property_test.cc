// Random changes through the door against a map of what was asked last: the
// actions are the expected ones, a failure changes all or nothing, every change
// has exactly one audit record, and the content of no Secret is readable.
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "control-plane/secrets/secret_content.h"
#include "shared/base/failpoint.h"
#include "tests/property/rounds.h"
#include "tests/unit/control-plane/admission/intent_fixture.h"

namespace perigee::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Wanted {
  std::string value;
  std::string label;
  bool operator==(const Wanted&) const = default;
};
using Name = std::pair<std::string, std::string>;  // kind, name
using World = std::map<Name, Wanted>;

std::string Manifest(const Name& name, const Wanted& wanted) {
  const char* const field = name.first == "Site" ? "values" : "data";
  return absl::StrCat("apiVersion: perigee.dev/v1\nkind: ", name.first, "\nmetadata: {name: ", name.second,
                      ", labels: {l: ", wanted.label, "}}\nspec: {", field, ": {key: ", wanted.value, "}}\n");
}

class DoorProperty : public IntentTest {
 protected:
  // What the store holds, read back.
  World Stored() {
    World world;
    const Page page = *store_->List(keys::kIntentPrefix, 1000, "");
    for (const Record& record : page.records) {
      const auto key = *keys::ParseIntent(record.key);
      const auto object = *DecodeIntent(key.kind, record.value, record.revision);
      Wanted wanted{"", MetaOf(*object).labels().count("l") != 0 ? MetaOf(*object).labels().at("l") : ""};
      if (const auto* site = dynamic_cast<const v1::Site*>(object.get())) {
        wanted.value = site->spec().values().at("key");
      } else if (const auto* config = dynamic_cast<const v1::Config*>(object.get())) {
        wanted.value = config->spec().data().at("key");
      } else if (const auto* secret = dynamic_cast<const v1::Secret*>(object.get())) {
        wanted.value = DecryptContent(*vault_, *secret)->data().at("key");
      } else {
        continue;
      }
      world[{key.kind, key.name}] = wanted;
    }
    return world;
  }

  void ApplySome(std::mt19937& random) {
    World asked;
    for (unsigned i = random() % 3 + 1; i > 0; --i) {
      const char* const kinds[] = {"Site", "Config", "Secret"};
      const Name name(kinds[random() % 3], absl::StrCat("n", random() % 3));
      asked[name] = {absl::StrCat("canary-", random() % 3), absl::StrCat("label-", random() % 2)};
    }
    std::vector<std::string> manifests;
    std::vector<std::string> expected;
    World after = world_;
    size_t changes = 0;
    for (const auto& [name, wanted] : asked) {
      manifests.push_back(Manifest(name, wanted));
      const auto before = world_.find(name);
      expected.push_back(before == world_.end()     ? "created"
                         : before->second == wanted ? "unchanged"
                                                    : "configured");
      changes += expected.back() == "unchanged" ? 0 : 1;
      after[name] = wanted;
    }
    const bool dry_run = random() % 8 == 0;
    const auto response = TryApply(manifests, dry_run);
    if (!response.ok()) {
      EXPECT_TRUE(absl::IsUnavailable(response.status())) << response.status();
      const World stored = Stored();
      EXPECT_TRUE(stored == world_ || stored == after) << "half applied";
      if (stored == after && stored != world_) records_ += changes;
      world_ = stored;
      return;
    }
    EXPECT_EQ(Actions(*response), expected);
    if (dry_run) return;
    world_ = after;
    records_ += changes;
  }

  void DeleteOne(std::mt19937& random) {
    if (world_.empty()) return;
    auto victim = world_.begin();
    std::advance(victim, static_cast<long>(random() % world_.size()));
    const auto response = Delete(victim->first.first, victim->first.second);
    World after = world_;
    after.erase(victim->first);
    if (!response.ok()) {
      EXPECT_TRUE(absl::IsUnavailable(response.status())) << response.status();
      after = Stored();
    }
    records_ += after.size() == world_.size() ? 0 : 1;
    world_ = after;
  }

  World world_;
  size_t records_ = 1;  // of the project
};

TEST_F(DoorProperty, WhatIsAskedIsWhatIsThere) {
  const char* const points[] = {"admission.before_commit", "store.commit", "admission.after_commit"};
  for (const uint32_t seed : Rounds(8)) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    for (int step = 0; step < 40; ++step) {
      SCOPED_TRACE(step);
      if (random() % 6 == 0) ArmFailpoints(absl::StrCat(points[random() % 3], "=error@1"));
      if (random() % 5 == 0) {
        DeleteOne(random);
      } else {
        ApplySome(random);
      }
      ArmFailpoints("");
      ASSERT_EQ(Stored(), world_);
      ASSERT_EQ(AuditLog().size(), records_);
      if (HasFailure()) return;
    }
    ASSERT_TRUE(VerifyAudit().ok()) << VerifyAudit();
  }
  for (const auto& [name, wanted] : world_) {
    if (name.first != "Secret") continue;
    EXPECT_THAT(store_->Get(keys::Intent("Secret", "default", name.second))->value, Not(HasSubstr("canary")));
  }
}

}  // namespace
}  // namespace perigee::control
