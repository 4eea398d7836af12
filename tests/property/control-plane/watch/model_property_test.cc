// The model that has followed a history is the model that is loaded at its end.
#include <gtest/gtest.h>

#include <random>

#include "control-plane/store/keys.h"
#include "control-plane/store/memory_store.h"
#include "control-plane/watch/codec.h"
#include "control-plane/watch/index.h"
#include "control-plane/watch/model.h"
#include "proto/perigee/v1/cloud.pb.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"
#include "shared/resource/text.h"
#include "tests/property/rounds.h"

namespace perigee::control {
namespace {

// Few names and uids, so that they meet again often.
class History {
 public:
  explicit History(unsigned seed) : random_(seed) {}

  Transaction Next() {
    Transaction transaction;
    std::set<std::string> keys;
    for (unsigned i = random_() % 4 + 1; i > 0; --i) {
      auto [key, value] = random_() % 3 == 0 ? Status() : Intent();
      if (!keys.insert(key).second) continue;
      if (random_() % 4 == 0) {
        transaction.deletes.push_back(key);
      } else {
        transaction.puts.push_back({key, value});
      }
    }
    return transaction;
  }

 private:
  std::string Pick(const char* what, unsigned count) { return absl::StrCat(what, random_() % count); }

  // A uid belongs to one name for ever, as in the system; a name gets another uid at times.
  std::pair<std::string, std::string> Intent() {
    const std::string name = Pick("n", 4);
    const std::string uid = absl::StrCat(name, "-", Pick("u", 2));
    switch (random_() % 3) {
      case 0: {
        v1::Site site;
        site.mutable_metadata()->set_name(name);
        site.mutable_metadata()->set_uid(uid);
        return {keys::Intent("Site", "", name), EncodeIntent(site)};
      }
      case 1: {
        v1::Satellite satellite;
        satellite.mutable_metadata()->set_name(name);
        satellite.mutable_metadata()->set_uid(uid);
        satellite.mutable_spec()->set_site_uid(Pick("s", 2));
        return {keys::Intent("Satellite", "", name), EncodeIntent(satellite)};
      }
      default: {
        v1::Assignment assignment;
        assignment.mutable_metadata()->set_name(name);
        assignment.mutable_metadata()->set_project(Pick("p", 2));
        assignment.mutable_metadata()->set_uid(absl::StrCat(assignment.metadata().project(), "-", uid));
        assignment.mutable_spec()->set_workload_uid(Pick("w", 3));
        assignment.mutable_spec()->set_satellite_uid(Pick("t", 3));
        return {keys::Intent("Assignment", assignment.metadata().project(), name), EncodeIntent(assignment)};
      }
    }
  }

  std::pair<std::string, std::string> Status() {
    const std::string uid = absl::StrCat(Pick("n", 4), "-", Pick("u", 2));
    if (random_() % 2 == 0) {
      v1::SiteStatus status;
      status.set_satellites(static_cast<int>(random_() % 3));  // 0 makes an empty status
      return {keys::Status("Site", uid), status.SerializeAsString()};
    }
    v1::AssignmentStatus status;
    status.set_state(Pick("state", 5));
    return {keys::Status("Assignment", absl::StrCat(Pick("p", 2), "-", uid)), status.SerializeAsString()};
  }

  std::mt19937 random_;
};

void AppendAll(std::string& text, const char* title, const std::vector<ObjectPtr>& objects) {
  absl::StrAppend(&text, title, "\n");
  for (const ObjectPtr& object : objects) absl::StrAppend(&text, object->ShortDebugString(), "\n");
}

// Everything that can be asked of a model or an index, as text.
template <typename Source>
std::string Everything(const Source& source) {
  std::string text;
  for (const char* kind : {"Site", "Satellite", "Assignment"}) {
    AppendAll(text, kind, source.List(kind, ""));
    AppendAll(text, "p0", source.List(kind, "p0"));
    for (const ObjectPtr& object : source.List(kind, "")) {
      const v1::ObjectMeta& meta = MetaOf(*object);
      EXPECT_EQ(source.Get(kind, meta.project(), meta.name()), object);
      EXPECT_EQ(source.GetByUid(kind, meta.uid()), object);
    }
  }
  return text;
}
std::string Relations(const Model& model) {
  std::string text;
  for (const char* uid : {"w0", "w1", "w2"}) AppendAll(text, uid, model.AssignmentsOfWorkload(uid));
  for (const char* uid : {"t0", "t1", "t2"}) AppendAll(text, uid, model.AssignmentsOfSatellite(uid));
  for (const char* uid : {"s0", "s1"}) AppendAll(text, uid, model.SatellitesOfSite(uid));
  return text;
}

TEST(ModelProperty, FollowedEqualsLoaded) {
  for (const uint32_t seed : Rounds(40)) {
    SCOPED_TRACE(seed);
    auto store = NewMemoryStore(SystemClock());
    History history(seed);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(store->Commit(history.Next()).ok());
    auto followed = *Model::Start(*store);
    for (int i = 0; i < 60; ++i) ASSERT_TRUE(store->Commit(history.Next()).ok());
    ASSERT_TRUE(followed->WaitFor(store->Revision(), absl::Seconds(30)).ok());
    auto loaded = *Model::Start(*store);
    EXPECT_EQ(Everything(*followed), Everything(*loaded));
    EXPECT_EQ(Relations(*followed), Relations(*loaded));
  }
}

// Whoever applies the changes that a subscription brings to a list holds what the model holds.
TEST(ModelProperty, SubscriptionMissesNothing) {
  for (const uint32_t seed : Rounds(20)) {
    SCOPED_TRACE(seed);
    auto store = NewMemoryStore(SystemClock());
    auto model = *Model::Start(*store);
    auto subscription = model->Subscribe({"Assignment"});
    History history(seed);
    for (int i = 0; i < 80; ++i) ASSERT_TRUE(store->Commit(history.Next()).ok());
    ASSERT_TRUE(model->WaitFor(store->Revision(), absl::Seconds(30)).ok());
    std::map<std::pair<std::string, std::string>, ObjectPtr> copy;
    const auto changes = *subscription->Next(absl::ZeroDuration());
    int64_t last = 0;
    for (const ModelChange& change : changes) {
      EXPECT_EQ(change.kind, "Assignment");
      EXPECT_GE(change.revision, last);
      last = change.revision;
      const std::pair name(MetaOf(*change.object).project(), MetaOf(*change.object).name());
      if (change.deleted) {
        EXPECT_EQ(copy.erase(name), 1u);
      } else {
        copy[name] = change.object;
      }
    }
    std::vector<ObjectPtr> values;
    for (const auto& [name, object] : copy) values.push_back(object);
    EXPECT_EQ(values, model->List("Assignment"));
  }
}

}  // namespace
}  // namespace perigee::control
