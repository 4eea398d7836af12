#include "control-plane/store/keys.h"

#include <gtest/gtest.h>

namespace perigee::control::keys {
namespace {

TEST(Keys, AreAsTheContractSays) {
  EXPECT_EQ(Intent("Workload", "retail", "web"), "/intent/Workload/retail/web");
  EXPECT_EQ(Intent("Site", "", "berlin"), "/intent/Site/_/berlin");
  EXPECT_EQ(Status("Site", "u1"), "/status/Site/u1");
  EXPECT_EQ(EntriesHead("s1"), "/entries/s1/head");
  EXPECT_EQ(Entry("s1", "replica/a"), "/entries/s1/e/replica/a");
  EXPECT_EQ(Event("e1"), "/event/e1");
  EXPECT_EQ(Audit(42), "/audit/00000000000000000042");
  EXPECT_EQ(AuditHead(), "/audit-head");
  EXPECT_EQ(Epoch(), "/epoch");
  EXPECT_EQ(KeyMaterial("issuing-ca"), "/key/issuing-ca");
}

TEST(Keys, AreReadBack) {
  EXPECT_EQ(ParseIntent(Intent("Workload", "retail", "web")), (IntentKey{"Workload", "retail", "web"}));
  EXPECT_EQ(ParseIntent(Intent("Site", "", "berlin")), (IntentKey{"Site", "", "berlin"}));
  EXPECT_EQ(ParseStatus(Status("Site", "u1")), (StatusKey{"Site", "u1"}));
  EXPECT_EQ(ParseEntry(Entry("s1", "replica/a")), (EntryKey{"s1", "replica/a"}));
  EXPECT_EQ(ParseEvent(Event("e1")), "e1");
  EXPECT_EQ(ParseAudit(Audit(UINT64_MAX)), UINT64_MAX);
}

TEST(Keys, OfOtherFamiliesAreNotRead) {
  for (const char* key :
       {"", "/", "/intent/Site/_", "/intent/Site/_/a/b", "/intent//_/a", "/status/Site", "/entries/s1/head",
        "/entries/s1/e/", "/entries//e/a", "/event/", "/audit/42", "/audit-head", "intent/Site/_/a"}) {
    EXPECT_FALSE(ParseIntent(key).has_value()) << key;
    EXPECT_FALSE(ParseStatus(key).has_value()) << key;
    EXPECT_FALSE(ParseEntry(key).has_value()) << key;
    EXPECT_FALSE(ParseEvent(key).has_value()) << key;
    EXPECT_FALSE(ParseAudit(key).has_value()) << key;
  }
}

TEST(KeysDeathTest, NamesWithSlashesAreProgrammersErrors) {
  EXPECT_DEATH(Intent("Site", "", "../a/b"), "");
  EXPECT_DEATH(Status("Site", ""), "");
}

}  // namespace
}  // namespace perigee::control::keys
