#include "control-plane/compile/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/random.h"
#include "shared/base/sha256.h"
#include "shared/base/string_views.h"
#include "shared/resource/defaults.h"

namespace perigee::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class CountingSealer final : public Sealer {
 public:
  absl::StatusOr<std::string> Seal(const v1::Secret& secret, const v1::Satellite& holder) override {
    ++count;
    return "sealed " + secret.spec().version() + " for " + holder.metadata().name() + " " +
           std::to_string(count);
  }
  int count = 0;
};

class Compile : public testing::Test {
 protected:
  Compile() {
    assignment_.mutable_metadata()->set_uid("a-1");
    assignment_.mutable_metadata()->set_project("shop");
    assignment_.mutable_spec()->set_workload("web");
    site_.mutable_metadata()->set_name("berlin");
    (*site_.mutable_spec()->mutable_values())["city"] = "Berlin";
    satellite_.mutable_metadata()->set_name("berlin-1");
    satellite_.mutable_status()->mutable_facts()->set_address("10.0.0.7");
    satellite_.mutable_status()->set_sealing_certificate("certificate");
    config_.mutable_metadata()->set_name("pages");
    config_.mutable_metadata()->set_project("shop");
    (*config_.mutable_spec()->mutable_data())["index.html"] = "Hello ${site.values.city}, $host";
    secret_.mutable_metadata()->set_name("pay");
    secret_.mutable_metadata()->set_project("shop");
    secret_.mutable_spec()->set_version("v-7");
    revision_.mutable_metadata()->set_uid("rev-1");
    revision_.mutable_spec()->set_number(1);
    v1::WorkloadTask& task = *revision_.mutable_spec()->mutable_template_()->add_tasks();
    task.set_name("main");
    task.set_runtime("process");
    task.add_command("/usr/sbin/nginx");
    task.add_command("--listen=${satellite.address}");
    v1::EnvVar& variable = *task.add_env();
    variable.set_name("SITE");
    variable.set_value("${site.name}/$HOME");
    (*revision_.mutable_spec()->mutable_config_versions())["pages"] = ConfigVersion(config_);
    (*revision_.mutable_spec()->mutable_secret_versions())["pay"] = "v-7";
  }

  ReplicaInput Input() {
    return {.assignment = &assignment_,
            .revision = &revision_,
            .workload_kind = "service",
            .site = &site_,
            .satellite = &satellite_,
            .configs = {{"pages", &config_}},
            .secrets = {{"pay", &secret_}}};
  }
  Compiled MustCompile() {
    auto compiled = CompileReplica(Input(), stored_, sealer_);
    EXPECT_TRUE(compiled.ok()) << compiled.status();
    return *std::move(compiled);
  }
  void Store(const Compiled& compiled) {
    for (const auto& put : compiled.puts) stored_[put.entry().key()] = InfoOf(put);
  }
  static v1::EntryPayload PayloadOf(const Compiled& compiled, std::string_view prefix) {
    v1::EntryPayload payload;
    for (const auto& put : compiled.puts) {
      if (!put.entry().key().starts_with(prefix)) continue;
      EXPECT_TRUE(payload.ParseFromString(put.entry().payload()));
      EXPECT_EQ(put.entry().sha256(), Sha256(put.entry().payload()));
    }
    return payload;
  }

  v1::Assignment assignment_;
  v1::WorkloadRevision revision_;
  v1::Site site_;
  v1::Satellite satellite_;
  v1::Config config_;
  v1::Secret secret_;
  StoredEntries stored_;
  CountingSealer sealer_;
};

TEST_F(Compile, ResolvesWhatDiffersPerSiteAndLeavesOtherDollarsAlone) {
  const Compiled compiled = MustCompile();
  ASSERT_THAT(compiled.puts, SizeIs(3));
  const v1::ReplicaEntry replica = PayloadOf(compiled, "replica/").replica();
  EXPECT_EQ(replica.template_().tasks(0).command(1), "--listen=10.0.0.7");
  EXPECT_EQ(replica.template_().tasks(0).env(0).value(), "berlin/$HOME");
  EXPECT_EQ(PayloadOf(compiled, "config/").config().data().at("index.html"), "Hello Berlin, $host");
  EXPECT_EQ(replica.secret_keys().at("pay"), "secret/v-7");
  EXPECT_THAT(compiled.holds,
              UnorderedElementsAre("replica/a-1", replica.config_keys().at("pages"), "secret/v-7"));
  EXPECT_THAT(PayloadOf(compiled, "replica/").required_features(), ElementsAre("process", "secrets"));
}

TEST_F(Compile, TheSameSourceKeepsWhatIsStored) {
  Store(MustCompile());
  EXPECT_THAT(MustCompile().puts, IsEmpty());
  // A later release would make other bytes of the same revision; what is stored stays.
  revision_.mutable_spec()->mutable_template_()->mutable_tasks(0)->set_working_directory("/srv");
  revision_.mutable_spec()->mutable_rollout()->set_soak("2m");
  const Compiled again = MustCompile();
  EXPECT_THAT(again.puts, IsEmpty());
  EXPECT_THAT(again.holds, testing::Contains("replica/a-1"));
}

TEST_F(Compile, AnUpgradeThatAddsADefaultChangesNoByte) {
  const Compiled before = MustCompile();
  RegisterDefault("perigee.v1.WorkloadTask", "working_directory", "/var/empty");
  const Compiled after = MustCompile();
  ASSERT_EQ(before.puts.size(), after.puts.size());
  for (size_t i = 0; i < before.puts.size(); ++i) {
    if (before.puts[i].entry().key().starts_with("secret/")) continue;
    EXPECT_EQ(before.puts[i].SerializeAsString(), after.puts[i].SerializeAsString());
  }
}

TEST_F(Compile, WhatTheReplicaIsMadeOfMovesTheSource) {
  Store(MustCompile());
  struct Case {
    const char* name;
    std::function<void()> change;
    bool moves;
  };
  const Case cases[] = {
      {"a value that is used", [&] { (*site_.mutable_spec()->mutable_values())["city"] = "Potsdam"; }, true},
      {"a value that is not used", [&] { (*site_.mutable_spec()->mutable_values())["other"] = "x"; }, false},
      {"the address", [&] { satellite_.mutable_status()->mutable_facts()->set_address("10.0.0.8"); }, true},
      {"labels", [&] { (*site_.mutable_metadata()->mutable_labels())["a"] = "b"; }, false},
      {"another revision", [&] { revision_.mutable_metadata()->set_uid("rev-2"); }, true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string before = ResolveSources(Input())->source;
    c.change();
    EXPECT_EQ(ResolveSources(Input())->source != before, c.moves);
  }
}

TEST_F(Compile, AMissingValueIsNamed) {
  site_.mutable_spec()->clear_values();
  const auto compiled = CompileReplica(Input(), stored_, sealer_);
  EXPECT_EQ(compiled.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ToStd(compiled.status().message())), HasSubstr("site.values.city"));
}

TEST_F(Compile, AChangedConfigOrSecretNeedsANewRevision) {
  (*config_.mutable_spec()->mutable_data())["index.html"] = "other";
  EXPECT_EQ(CompileReplica(Input(), stored_, sealer_).status().code(), absl::StatusCode::kFailedPrecondition);
  (*revision_.mutable_spec()->mutable_config_versions())["pages"] = ConfigVersion(config_);
  EXPECT_TRUE(CompileReplica(Input(), stored_, sealer_).ok());
  secret_.mutable_spec()->set_version("v-8");
  EXPECT_EQ(CompileReplica(Input(), stored_, sealer_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Compile, ASecretIsSealedOncePerVersionAndHolder) {
  Store(MustCompile());
  assignment_.mutable_metadata()->set_uid("a-2");
  EXPECT_THAT(MustCompile().puts, SizeIs(1)) << "the second replica shares Config and Secret";
  EXPECT_EQ(sealer_.count, 1);
  satellite_.mutable_status()->set_sealing_certificate("another");
  EXPECT_THAT(MustCompile().puts, SizeIs(2)) << "sealed anew to another key";
  EXPECT_EQ(sealer_.count, 2);
}

TEST_F(Compile, StoredInfoKnowsWhatAReplicaRefersTo) {
  const Compiled compiled = MustCompile();
  for (const auto& put : compiled.puts) {
    const StoredInfo info = InfoOf(put);
    EXPECT_EQ(info.sha256, put.entry().sha256());
    EXPECT_EQ(info.refers_to.size(), put.entry().key() == "replica/a-1" ? 2u : 0u);
  }
}

TEST_F(Compile, APermitAllowsExactlyOneEntry) {
  assignment_.mutable_spec()->set_permit_id("p-1");
  const v1::StoredEntry stored = CompilePermit(assignment_, Sha256("entry"), absl::FromUnixSeconds(100));
  EXPECT_EQ(stored.entry().key(), "permit/p-1");
  v1::EntryPayload payload;
  ASSERT_TRUE(payload.ParseFromString(stored.entry().payload()));
  EXPECT_EQ(payload.permit().action(), "replace");
  EXPECT_EQ(payload.permit().to_sha256(), Sha256Hex("entry"));
  EXPECT_EQ(payload.permit().issued_at().seconds(), 100);
  assignment_.mutable_metadata()->mutable_deleting_since()->set_seconds(1);
  ASSERT_TRUE(
      payload.ParseFromString(CompilePermit(assignment_, "", absl::FromUnixSeconds(100)).entry().payload()));
  EXPECT_EQ(payload.permit().action(), "remove");
  EXPECT_EQ(payload.permit().to_sha256(), "");
}

// As the controllers make revisions now: the keys that the template refers to have a version of their own.
class CompileOfKeys : public Compile {
 protected:
  CompileOfKeys() {
    v1::FileMount& file = *revision_.mutable_spec()->mutable_template_()->mutable_tasks(0)->add_files();
    file.set_path("/srv/index.html");
    file.mutable_from_config()->set_name("pages");
    file.mutable_from_config()->set_key("index.html");
    (*config_.mutable_spec()->mutable_data())["other"] = "not referred to";
    (*revision_.mutable_spec()->mutable_config_versions())["pages"] =
        ConfigKeysVersion(config_, {"index.html"});
  }
  void SetKey(const std::string& key, const std::string& text) {
    (*config_.mutable_spec()->mutable_data())[key] = text;
  }
};

TEST_F(CompileOfKeys, OnlyWhatIsReferredToTravels) {
  const v1::ConfigEntry config = PayloadOf(MustCompile(), "config/").config();
  ASSERT_EQ(config.data_size(), 1);
  EXPECT_EQ(config.data().at("index.html"), "Hello Berlin, $host");
}

TEST_F(CompileOfKeys, AKeyThatIsNotReferredToChangesNothing) {
  const std::string before = ResolveSources(Input())->source;
  Store(MustCompile());
  SetKey("other", "changed");
  EXPECT_EQ(ResolveSources(Input())->source, before);
  SetKey("other", "${site.values.absent}");
  EXPECT_THAT(MustCompile().puts, IsEmpty()) << "nor is a value missing that only it asks for";
  SetKey("new", "");
  EXPECT_EQ(ResolveSources(Input())->source, before);
  stored_.clear();
  EXPECT_THAT(MustCompile().puts, SizeIs(3)) << "what is sent for the first time is made just so";
}

TEST_F(CompileOfKeys, AKeyThatIsReferredToNeedsANewRevision) {
  SetKey("index.html", "changed");
  EXPECT_EQ(ResolveSources(Input()).status().code(), absl::StatusCode::kFailedPrecondition);
  config_.mutable_spec()->mutable_data()->erase("index.html");
  EXPECT_EQ(ResolveSources(Input()).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(CompileOfKeys, ARevisionOfAWholeConfigIsServedAsItWas) {
  (*revision_.mutable_spec()->mutable_config_versions())["pages"] = ConfigVersion(config_);
  EXPECT_EQ(PayloadOf(MustCompile(), "config/").config().data_size(), 2);
  SetKey("other", "changed");
  EXPECT_EQ(ResolveSources(Input()).status().code(), absl::StatusCode::kFailedPrecondition);
  SetKey("other", "${site.values.absent}");
  (*revision_.mutable_spec()->mutable_config_versions())["pages"] = ConfigVersion(config_);
  EXPECT_EQ(ResolveSources(Input()).status().code(), absl::StatusCode::kNotFound);
}

TEST(ConfigKeysVersion, IsOfTheseKeysAndNeverThatOfAWhole) {
  v1::Config config;
  auto& data = *config.mutable_spec()->mutable_data();
  data["a"] = "1";
  data["b"] = "2";
  const std::string of_a = ConfigKeysVersion(config, {"a"});
  EXPECT_NE(ConfigKeysVersion(config, {"a", "b"}), of_a);
  EXPECT_NE(ConfigKeysVersion(config, {"b"}), of_a);
  EXPECT_NE(ConfigKeysVersion(config, {"a", "b"}), ConfigVersion(config));
  data["b"] = "3";
  EXPECT_EQ(ConfigKeysVersion(config, {"a"}), of_a);
  data.erase("b");
  EXPECT_EQ(ConfigKeysVersion(config, {"a"}), of_a);
  EXPECT_NE(ConfigVersion(config), of_a);
  data["a"] = "2";
  EXPECT_NE(ConfigKeysVersion(config, {"a"}), of_a);
  data.clear();
  EXPECT_NE(ConfigKeysVersion(config, {}), ConfigVersion(config));
}

TEST(ConfigVersion, IsOfTheContentOnly) {
  v1::Config a, b;
  (*a.mutable_spec()->mutable_data())["x"] = "1";
  (*b.mutable_spec()->mutable_data())["x"] = "1";
  b.mutable_metadata()->set_name("other");
  EXPECT_EQ(ConfigVersion(a), ConfigVersion(b));
  (*b.mutable_spec()->mutable_data())["y"] = "";
  EXPECT_NE(ConfigVersion(a), ConfigVersion(b));
}

}  // namespace
}  // namespace perigee::control
