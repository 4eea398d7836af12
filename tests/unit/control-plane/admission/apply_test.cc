#include <gmock/gmock.h>

#include "absl/strings/str_replace.h"
#include "control-plane/secrets/secret_content.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/sha256.h"
#include "shared/resource/defaults.h"
#include "tests/unit/control-plane/admission/intent_fixture.h"

namespace perigee::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Replace(const std::string& text, const std::string& from, const std::string& to) {
  EXPECT_THAT(text, HasSubstr(from));
  return absl::StrReplaceAll(text, {{from, to}});
}

TEST_F(IntentTest, CreatesAllDocumentsInOneTransaction) {
  const v1::ApplyResponse response = Apply({kWorkload, absl::StrCat(kConfig, "---", kSecret), kSite});
  EXPECT_THAT(Actions(response), ElementsAre("created", "created", "created", "created"));
  const auto workload = Read<v1::Workload>("default", "web");
  EXPECT_EQ(workload.metadata().revision(), response.revision());
  EXPECT_EQ(Read<v1::Site>("", "berlin").metadata().revision(), response.revision());
  EXPECT_EQ(workload.metadata().generation(), 1);
  EXPECT_EQ(workload.metadata().uid().size(), 36u);
  EXPECT_EQ(workload.metadata().created_at().seconds(), 1'700'000'000);
  EXPECT_EQ(response.results(0).object().uid(), workload.metadata().uid());
  EXPECT_EQ(response.results(0).resource().workload().metadata().revision(), response.revision());
  EXPECT_EQ(AuditLog().size(), 5u);  // with the project
  EXPECT_TRUE(VerifyAudit().ok()) << VerifyAudit();
}

TEST_F(IntentTest, StoresWhatWasAsked) {
  Apply({kWorkload, kConfig, kSecret});
  const auto workload = Read<v1::Workload>("default", "web");
  EXPECT_EQ(workload.spec().kind(), "");  // the default is the reader's
  EXPECT_EQ(workload.spec().template_().tasks(0).role(), "");
}

TEST_F(IntentTest, SameAgainIsUnchangedAndWritesNothing) {
  const std::vector<std::string> manifests = {kWorkload, kConfig, kSecret, kSite};
  Apply(manifests);
  const int64_t revision = store_->Revision();
  const v1::ApplyResponse again = Apply(manifests);
  EXPECT_THAT(Actions(again), ElementsAre("unchanged", "unchanged", "unchanged", "unchanged"));
  EXPECT_EQ(again.results(0).changes_size(), 0);
  EXPECT_EQ(store_->Revision(), revision);
}

// An upgrade: the release that comes adds a default, and whoever applies the old file again changes nothing,
// nor does saying the default aloud.
TEST_F(IntentTest, NewDefaultIsNoChange) {
  Apply({kWorkload, kConfig, kSecret});
  const auto before = Read<v1::Workload>("default", "web");
  const int64_t revision = store_->Revision();
  RegisterDefault("perigee.v1.WorkloadTask", "working_directory", "/srv");
  EXPECT_THAT(Actions(Apply({kWorkload})), ElementsAre("unchanged"));
  const std::string spelled_out = Replace(
      kWorkload, "- name: main", "- name: main\n      runtime: process\n      workingDirectory: /srv");
  EXPECT_THAT(Actions(Apply({spelled_out})), ElementsAre("unchanged"));
  EXPECT_EQ(store_->Revision(), revision);
  EXPECT_EQ(Read<v1::Workload>("default", "web").SerializeAsString(), before.SerializeAsString());
}

TEST_F(IntentTest, GenerationRisesWithSpecOnly) {
  Apply({kSite});
  const std::string labelled = Replace(kSite, "country: de", "country: fr");
  v1::ApplyResponse response = Apply({labelled});
  EXPECT_THAT(Actions(response), ElementsAre("configured"));
  ASSERT_EQ(response.results(0).changes_size(), 1);
  EXPECT_THAT(response.results(0).changes(0).field(), HasSubstr("country"));
  EXPECT_EQ(response.results(0).changes(0).before(), "de");
  EXPECT_EQ(Read<v1::Site>("", "berlin").metadata().generation(), 1);
  response = Apply({Replace(labelled, "city: Berlin", "city: Paris")});
  EXPECT_EQ(Read<v1::Site>("", "berlin").metadata().generation(), 2);
  EXPECT_THAT(AuditLog().back().changed_fields(0), HasSubstr("city"));
  EXPECT_EQ(AuditLog().back().subject(), "user:anna");
}

TEST_F(IntentTest, KeepsOperationsAndUid) {
  Apply({kSite});
  v1::Resource resource;
  *resource.mutable_site() = Read<v1::Site>("", "berlin");
  resource.mutable_site()->mutable_operations()->mutable_hold()->set_active(true);
  ASSERT_TRUE(intent().Commit(admin_, {{"hold", resource}}).ok());
  const std::string uid = resource.site().metadata().uid();
  Apply({Replace(kSite, "city: Berlin", "city: Bonn")});
  const auto site = Read<v1::Site>("", "berlin");
  EXPECT_TRUE(site.operations().hold().active());
  EXPECT_EQ(site.metadata().uid(), uid);
}

TEST_F(IntentTest, AnErrorAppliesNothing) {
  const int64_t revision = store_->Revision();
  const std::string bad = Replace(kWorkload, "command:", "comand:");
  const v1::ApplyResponse response = Apply({kSite, kConfig, kSecret, bad});
  ASSERT_EQ(response.errors_size(), 1);
  EXPECT_EQ(response.errors(0).file(), "file3.yaml");
  EXPECT_GT(response.errors(0).line(), 0);
  EXPECT_EQ(response.errors(0).suggestion(), "command");
  EXPECT_EQ(response.results_size(), 0);
  EXPECT_EQ(store_->Revision(), revision);
}

TEST_F(IntentTest, ErrorsNameTheField) {
  const std::string config_key = Replace(kWorkload, "key: nginx.conf", "key: nginx.cnf");
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{kWorkload, kConfig}, "spec.template.tasks[0].env[0].fromSecret.name: there is no Secret pay"},
      {{config_key, kConfig, kSecret},
       "spec.template.tasks[0].files[0].fromConfig.key: Config web has no key nginx.cnf"},
      {{Replace(kConfig, "name: web", "name: web, project: retail")},
       "metadata.project: there is no Project retail"},
      {{kSite, kSite}, "metadata.name: Site berlin is given twice"},
      {{Replace(kSite, "name: berlin", "name: \"../x\"")}, "metadata.name: "},
      {{"kind: Assignment\napiVersion: perigee.dev/v1\nmetadata: {name: a}\n"}, ""}};
  for (const auto& [manifests, expected] : cases) {
    const v1::ApplyResponse response = Apply(manifests);
    ASSERT_GE(response.errors_size(), 1) << expected;
    EXPECT_THAT(Actions(response)[0], HasSubstr(expected));
    EXPECT_FALSE(response.errors(0).file().empty());
    EXPECT_GT(response.errors(0).line(), 0) << expected;
  }
  EXPECT_EQ(AuditLog().size(), 1u);
}

TEST_F(IntentTest, ErrorsAreBounded) {
  std::vector<std::string> manifests;
  for (int i = 0; i < 200; ++i)
    manifests.push_back(Replace(kConfig, "name: web", absl::StrCat("name: c", i, ", project: p")));
  EXPECT_LE(Apply(manifests).errors_size(), limits::kErrorsReported);
}

TEST_F(IntentTest, ProjectMayComeInTheSameApply) {
  const std::string project = "apiVersion: perigee.dev/v1\nkind: Project\nmetadata: {name: retail}\n";
  EXPECT_THAT(Actions(Apply({Replace(kConfig, "name: web", "name: web, project: retail"), project})),
              ElementsAre("created", "created"));
}

TEST_F(IntentTest, DryRunSaysTheSameAndWritesNothing) {
  const int64_t revision = store_->Revision();
  const v1::ApplyResponse dry = Apply({kWorkload, kConfig, kSecret}, /*dry_run=*/true);
  EXPECT_THAT(Actions(dry), ElementsAre("created", "created", "created"));
  EXPECT_EQ(store_->Revision(), revision);
  EXPECT_THAT(Actions(Apply({kWorkload, kConfig, kSecret})), ElementsAre("created", "created", "created"));
}

TEST_F(IntentTest, SecretsAreEncryptedAndShownToNobody) {
  const v1::ApplyResponse response = Apply({kSecret});
  EXPECT_THAT(response.SerializeAsString(), Not(HasSubstr("canary-7f3a")));
  EXPECT_THAT(Dump(), Not(HasSubstr("canary-7f3a")));
  EXPECT_TRUE(response.results(0).resource().secret().spec().encrypted().empty());
  EXPECT_THAT(response.results(0).resource().secret().status().keys(), ElementsAre("api"));
  const auto secret = Read<v1::Secret>("default", "pay");
  EXPECT_EQ(DecryptContent(*vault_, secret)->data().at("api"), "canary-7f3a");
}

TEST_F(IntentTest, SecretVersionMovesWithItsContentOnly) {
  Apply({kSecret});
  const auto first = Read<v1::Secret>("default", "pay");
  const std::string labelled = Replace(kSecret, "name: pay", "name: pay, labels: {a: b}");
  EXPECT_THAT(Actions(Apply({labelled})), ElementsAre("configured"));
  const auto second = Read<v1::Secret>("default", "pay");
  EXPECT_EQ(second.spec().SerializeAsString(), first.spec().SerializeAsString());
  const v1::ApplyResponse changed = Apply({Replace(labelled, "canary-7f3a", "canary-other")});
  EXPECT_THAT(changed.SerializeAsString(), Not(HasSubstr("canary")));
  ASSERT_EQ(changed.results(0).changes_size(), 1);
  EXPECT_THAT(changed.results(0).changes(0).field(), HasSubstr("api"));
  const auto third = Read<v1::Secret>("default", "pay");
  EXPECT_NE(third.spec().version(), first.spec().version());
  EXPECT_EQ(third.metadata().generation(), 2);
  EXPECT_EQ(DecryptContent(*vault_, third)->data().at("api"), "canary-other");
  EXPECT_THAT(Dump(), Not(HasSubstr("canary")));
}

TEST_F(IntentTest, ConfigsHaveTheVersionOfTheirContent) {
  const auto version = [&](const std::string& manifest) {
    return Apply({manifest}).results(0).resource().config().status().version();
  };
  const std::string first = version(kConfig);
  EXPECT_EQ(first.size(), 64u);
  EXPECT_NE(version(Replace(kConfig, "server {}", "server { }")), first);
  EXPECT_EQ(version(kConfig), first);
  v1::ConfigStatus stored;
  const auto config = Read<v1::Config>("default", "web");
  ASSERT_TRUE(stored.ParseFromString(store_->Get(keys::Status("Config", config.metadata().uid()))->value));
  EXPECT_EQ(stored.version(), first);
}

TEST_F(IntentTest, ImpossibleEverywhereIsAnError) {
  placement_ = [](const v1::Workload& workload) {
    EXPECT_EQ(workload.spec().kind(), "service");  // with defaults
    Opinion opinion;
    v1::FieldError& error = opinion.errors.emplace_back();
    error.set_field("spec.placement.sites");
    error.set_message("no site matches");
    return opinion;
  };
  intent_.reset();
  const v1::ApplyResponse response = Apply({kWorkload, kConfig, kSecret});
  ASSERT_EQ(response.errors_size(), 1);
  EXPECT_EQ(response.errors(0).field(), "spec.placement.sites");
  EXPECT_EQ(response.errors(0).line(), 6);
}

class NoParis : public PolicyHook {
 public:
  Opinion Judge(const Caller&, std::string_view, const google::protobuf::Message*,
                const google::protobuf::Message* after) override {
    Opinion opinion;
    opinion.warnings.push_back("watched");
    if (after != nullptr && MetaOf(*after).name() == "paris")
      opinion.errors.emplace_back().set_message("not Paris");
    return opinion;
  }
};

TEST_F(IntentTest, PolicyIsAskedByEveryPath) {
  NoParis no_paris;
  policy_ = &no_paris;
  intent_.reset();
  const v1::ApplyResponse allowed = Apply({kSite});
  EXPECT_THAT(allowed.results(0).warnings(), ElementsAre("watched"));
  EXPECT_EQ(Apply({Replace(kSite, "berlin", "paris")}).errors(0).message(), "not Paris");
  v1::Resource resource;
  resource.mutable_site()->mutable_metadata()->set_name("paris");
  EXPECT_TRUE(absl::IsPermissionDenied(intent().Commit(admin_, {{"create", resource}}).status()));
}

TEST_F(IntentTest, OthersMayNotApply) {
  for (const Caller& caller : {AnonymousCaller("grpc"), SystemCaller("placement"),
                               Caller{"satellite:u", {"satellite"}, "grpc"}, Caller{"", {"admin"}, "grpc"}}) {
    EXPECT_TRUE(absl::IsPermissionDenied(intent().Apply(caller, {}).status())) << caller.subject;
    EXPECT_TRUE(absl::IsPermissionDenied(intent().Delete(caller, {}).status())) << caller.subject;
  }
}

// Every failure around the commit: all or nothing, and the chain holds.
TEST_F(IntentTest, FailuresLeaveAllOrNothing) {
  for (const char* point : {"admission.before_commit", "store.commit", "admission.after_commit"}) {
    ArmFailpoints(absl::StrCat(point, "=error@1"));
    const auto response = TryApply({kSite, kConfig});
    ArmFailpoints("");
    EXPECT_TRUE(absl::IsUnavailable(response.status())) << point;
    const bool site = store_->Get(keys::Intent("Site", "", "berlin")).ok();
    EXPECT_EQ(site, store_->Get(keys::Intent("Config", "default", "web")).ok()) << point;
    EXPECT_EQ(AuditLog().size(), site ? 3u : 1u) << point;
    EXPECT_TRUE(VerifyAudit().ok()) << point;
  }
}

}  // namespace
}  // namespace perigee::control
