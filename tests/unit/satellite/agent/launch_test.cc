#include "satellite/agent/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/files.h"
#include "shared/pki/issue.h"
#include "shared/resource/reasons.h"
#include "shared/seal/seal.h"

namespace perigee::satellite {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class LaunchTest : public ::testing::Test {
 protected:
  LaunchTest() {
    PrivateKey key = *PrivateKey::GenerateEcP256();
    const absl::Time now = absl::Now();
    site_.sealing_certificate =
        MakeSealingCertificate(key, "s", {now - absl::Hours(1), now + absl::Hours(1)})->ToDer();
    site_.sealing_key = key;
    site_.satellite = "berlin-1";
    site_.site = "berlin";
    site_.address = "127.0.1.1";
    site_.data_dir = "/data";
    entry_.set_assignment_uid("r1");
    entry_.set_workload("web");
    entry_.set_ordinal(2);
    task_ = entry_.mutable_template_()->add_tasks();
    task_->add_command("/usr/sbin/nginx");
    v1::ConfigEntry config;
    (*config.mutable_data())["nginx.conf"] = "listen 8080;";
    desired_.configs["config/1"] = config;
    (*entry_.mutable_config_keys())["web"] = "config/1";
    v1::SecretContent content;
    (*content.mutable_data())["api"] = "s3cret";
    v1::SecretEntry secret;
    secret.set_name("pay");
    secret.set_sealed(*Seal(site_.sealing_certificate, content.SerializeAsString()));
    desired_.secrets["secret/1"] = secret;
    (*entry_.mutable_secret_keys())["pay"] = "secret/1";
  }

  Launch Make(std::optional<absl::Duration> lease = std::nullopt) {
    desired_.entries["r1"]["ab"] = entry_;
    return MakeLaunch(site_, desired_, "r1", "ab", lease);
  }
  v1::EnvVar& Env(const std::string& name) {
    v1::EnvVar& variable = *task_->add_env();
    variable.set_name(name);
    return variable;
  }

  LaunchSite site_;
  Desired desired_;
  v1::ReplicaEntry entry_;
  v1::WorkloadTask* task_;
};

TEST_F(LaunchTest, FillsInEverything) {
  Env("MODE").set_value("prod");
  Env("CONF").mutable_from_config()->set_name("web");
  task_->mutable_env(1)->mutable_from_config()->set_key("nginx.conf");
  Env("KEY").mutable_from_secret()->set_name("pay");
  task_->mutable_env(2)->mutable_from_secret()->set_key("api");
  v1::FileMount& file = *task_->add_files();
  file.set_path("/etc/app/key");
  file.set_mode("0400");
  file.mutable_from_secret()->set_name("pay");
  file.mutable_from_secret()->set_key("api");
  v1::Port& port = *task_->add_ports();
  port.set_name("http-main");
  port.set_port(8080);
  (*task_->mutable_resources())["memory"] = "256Mi";
  (*task_->mutable_resources())["cpu"] = "500m";
  (*task_->mutable_resources())["pids"] = "64";
  task_->mutable_stop()->set_signal("SIGINT");
  task_->mutable_stop()->set_grace("3s");
  const Launch launch = Make(absl::Seconds(77));
  ASSERT_TRUE(launch.run.has_value()) << launch.failure.message;
  const StartRequest& run = *launch.run;
  EXPECT_EQ(run.id, "r1");
  EXPECT_EQ(run.entry_sha256, "ab");
  EXPECT_EQ(run.log_dir, "/data/logs/r1");
  EXPECT_EQ(run.stop_signal, 2);
  EXPECT_EQ(run.grace, absl::Seconds(3));
  EXPECT_EQ(run.lease, absl::Seconds(77));
  EXPECT_EQ(run.limits, (ResourceLimits{.memory_bytes = 256 << 20, .cpu_millis = 500, .pids = 64}));
  for (const char* wanted :
       {"MODE=prod", "CONF=listen 8080;", "KEY=s3cret", "PERIGEE_PORT_HTTP_MAIN=8080",
        "PERIGEE_ADDRESS=127.0.1.1", "PERIGEE_SITE=berlin", "PERIGEE_SATELLITE=berlin-1"}) {
    EXPECT_THAT(run.env, Contains(std::string(wanted)));
  }
  ASSERT_THAT(run.files, SizeIs(1));
  EXPECT_EQ(run.files[0], (RunFile{"/etc/app/key", 0400, "s3cret"}));
}

TEST_F(LaunchTest, ProbesDoNotGetSecrets) {
  Env("KEY").mutable_from_secret()->set_name("pay");
  task_->mutable_env(0)->mutable_from_secret()->set_key("api");
  Env("MODE").set_value("prod");
  const std::vector<std::string> env = PublicEnvironment(site_, desired_, entry_);
  EXPECT_THAT(env, Contains("MODE=prod"));
  EXPECT_THAT(env, Contains("PERIGEE_REPLICA=r1"));
  EXPECT_THAT(env, Not(Contains(HasSubstr("s3cret"))));
}

TEST_F(LaunchTest, PortsAreAssignedThenHostThenOwn) {
  for (const char* name : {"a", "b", "c"}) {
    v1::Port& port = *task_->add_ports();
    port.set_name(name);
    port.set_port(1);
  }
  task_->mutable_ports(1)->mutable_host()->set_number(2);
  (*entry_.mutable_assigned_host_ports())["c"] = 3;
  EXPECT_EQ(PortsOf(entry_), (std::map<std::string, int>{{"a", 1}, {"b", 2}, {"c", 3}}));
}

struct TroubleCase {
  std::string name;
  std::function<void(v1::WorkloadTask*, Desired*)> spoil;
  std::string_view reason;
};
class Troubles : public LaunchTest, public ::testing::WithParamInterface<TroubleCase> {};

TEST_P(Troubles, AreNamedAndNothingStarts) {
  GetParam().spoil(task_, &desired_);
  const Launch launch = Make();
  EXPECT_FALSE(launch.run.has_value());
  EXPECT_EQ(launch.failure.reason, GetParam().reason);
  EXPECT_THAT(launch.failure.message, Not(HasSubstr("s3cret")));
}

void FromConfig(v1::WorkloadTask* task, const std::string& name, const std::string& key) {
  v1::EnvVar& variable = *task->add_env();
  variable.set_name("A");
  variable.mutable_from_config()->set_name(name);
  variable.mutable_from_config()->set_key(key);
}
void FromSecret(v1::WorkloadTask* task, const std::string& name, const std::string& key) {
  v1::EnvVar& variable = *task->add_env();
  variable.set_name("A");
  variable.mutable_from_secret()->set_name(name);
  variable.mutable_from_secret()->set_key(key);
}

INSTANTIATE_TEST_SUITE_P(
    All, Troubles,
    ::testing::Values(
        TroubleCase{"NoConfig", [](auto* task, auto*) { FromConfig(task, "other", "k"); },
                    reason::kMissingConfig},
        TroubleCase{"NoConfigKey", [](auto* task, auto*) { FromConfig(task, "web", "k"); },
                    reason::kMissingKey},
        TroubleCase{"NoSecret", [](auto* task, auto*) { FromSecret(task, "other", "k"); },
                    reason::kMissingSecret},
        TroubleCase{"NoSecretKey", [](auto* task, auto*) { FromSecret(task, "pay", "k"); },
                    reason::kMissingKey},
        TroubleCase{"SecretOfAnother",
                    [](auto* task, auto* desired) {
                      FromSecret(task, "pay", "api");
                      desired->secrets["secret/1"].set_sealed("garbage");
                    },
                    reason::kSecretNotOpened},
        TroubleCase{"BadQuantity", [](auto* task, auto*) { (*task->mutable_resources())["cpu"] = "lots"; },
                    reason::kEntryRefused},
        TroubleCase{"NoCommand", [](auto* task, auto*) { task->clear_command(); }, reason::kEntryRefused},
        TroubleCase{"PathUpwards",
                    [](auto* task, auto*) {
                      v1::FileMount& file = *task->add_files();
                      file.set_path("/etc/../root/x");
                    },
                    reason::kEntryRefused}),
    [](const auto& info) { return info.param.name; });

TEST(RemoveLogs, StaysBeneathTheLogs) {
  char name[] = "/tmp/perigee-logs-XXXXXX";
  const std::string data_dir = mkdtemp(name);
  ASSERT_TRUE(EnsureDirectory(LogDirectory(data_dir, "a"), 0700).ok());
  for (const std::string id : {"..", ".", "", "../..", "a/", "/"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(RemoveLogs(data_dir, id))) << id;
  }
  EXPECT_TRUE(FileExists(LogDirectory(data_dir, "a")));
  EXPECT_TRUE(RemoveLogs(data_dir, "a").ok());
  EXPECT_FALSE(FileExists(LogDirectory(data_dir, "a")));
  EXPECT_TRUE(RemoveTree(data_dir).ok());
}

}  // namespace
}  // namespace perigee::satellite
