#include "control-plane/api/api.h"

#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control-plane/admission/strip_secrets.h"
#include "control-plane/identity/certificate_authority.h"
#include "control-plane/secrets/vault.h"
#include "control-plane/store/memory_store.h"
#include "shared/resource/registry.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Caller kAdmin{"user:admin", {"admin"}, "grpc"};

class ApiTest : public ::testing::Test {
 protected:
  ApiTest()
      : store_(NewMemoryStore(SystemClock())),
        vault_(Vault::Ephemeral(SystemRandom())),
        freshness_(absl::Now()) {
    model_ = *Model::Start(*store_);
    observation_ = *Observation::Open(*store_, *model_, SystemClock(), SystemRandom());
    intent_ = std::make_unique<Intent>(
        Intent::Parts{.store = *store_, .vault = *vault_, .clock = SystemClock(), .random = SystemRandom()});
    authority_ = *CertificateAuthority::OpenOrCreate({.data_dir = directory_.path()}, *vault_, SystemClock());
    const IdentityContext context{*store_,
                                  *model_,
                                  *intent_,
                                  *authority_,
                                  SystemClock(),
                                  SystemRandom(),
                                  [] { return "https://x:1"; },
                                  [] { return "x:2"; }};
    enrolment_ = std::make_unique<Enrolment>(context);
    satellites_ = std::make_unique<SatelliteIdentity>(context, SatelliteIdentity::Config{});
    deny_list_.Replace({});
    api_ = std::make_unique<Api>(Api::Parts{.store = *store_,
                                            .model = *model_,
                                            .intent = *intent_,
                                            .observation = *observation_,
                                            .enrolment = *enrolment_,
                                            .satellites = *satellites_,
                                            .deny_list = deny_list_,
                                            .freshness = freshness_,
                                            .clock = SystemClock()});
  }

  v1::ApplyResponse Apply(const std::string& manifest) {
    v1::ApplyRequest request;
    request.add_manifests()->set_content(manifest);
    const auto response = api_->Apply(kAdmin, request);
    EXPECT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->errors_size(), 0) << response->ShortDebugString();
    return *response;
  }
  void ApplySite(const std::string& name, const std::string& country) {
    Apply("apiVersion: perigee.dev/v1\nkind: Site\nmetadata: {name: " + name +
          ", labels: {country: " + country + "}}\n");
  }
  static v1::GetRequest GetOf(const std::string& kind, const std::string& name) {
    v1::GetRequest request;
    request.set_kind(kind);
    request.set_name(name);
    return request;
  }
  static v1::Event EventAbout(const std::string& uid, const std::string& project) {
    v1::Event event;
    event.mutable_object()->set_uid(uid);
    event.mutable_object()->set_project(project);
    return event;
  }
  std::vector<std::string> NamesOf(v1::ListRequest request) {
    std::vector<std::string> names;
    do {
      const auto page = api_->List(kAdmin, request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      for (const v1::Resource& resource : page->resources())
        names.push_back(MetaOf(ObjectOf(resource)).name());
      request.set_continue_token(page->continue_token());
    } while (!request.continue_token().empty());
    return names;
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<Observation> observation_;
  std::unique_ptr<Intent> intent_;
  std::unique_ptr<CertificateAuthority> authority_;
  std::unique_ptr<Enrolment> enrolment_;
  std::unique_ptr<SatelliteIdentity> satellites_;
  DenyList deny_list_;
  FreshnessBook freshness_;
  std::unique_ptr<Api> api_;
};

TEST_F(ApiTest, EveryMethodAuthorizesItsCaller) {
  using Call = std::function<absl::Status(const Caller&)>;
  const std::vector<std::pair<const char*, Call>> calls = {
      {"Get", [&](const Caller& c) { return api_->Get(c, GetOf("Site", "x")).status(); }},
      {"List", [&](const Caller& c) { return api_->List(c, {}).status(); }},
      {"Watch", [&](const Caller& c) { return api_->Watch(c, {}).status(); }},
      {"Apply", [&](const Caller& c) { return api_->Apply(c, {}).status(); }},
      {"Delete", [&](const Caller& c) { return api_->Delete(c, {}).status(); }},
      {"Explain", [&](const Caller& c) { return api_->Explain(c, {}).status(); }},
      {"CreateEnrollmentToken", [&](const Caller& c) { return api_->CreateEnrollmentToken(c, {}).status(); }},
      {"DecideEnrollment", [&](const Caller& c) { return api_->DecideEnrollment(c, {}).status(); }},
      {"RevokeSatellite", [&](const Caller& c) { return api_->RevokeSatellite(c, {}).status(); }},
  };
  const std::vector<Caller> others = {{"user:nobody", {}, "grpc"},
                                      {"anonymous", {"anonymous"}, "grpc"},
                                      {"satellite:u", {"satellite"}, "grpc"}};
  for (const auto& [name, call] : calls) {
    SCOPED_TRACE(name);
    for (const Caller& other : others)
      EXPECT_TRUE(absl::IsPermissionDenied(call(other))) << other.subject << call(other);
    EXPECT_FALSE(absl::IsPermissionDenied(call(kAdmin))) << call(kAdmin);
  }
  EXPECT_TRUE(api_->Whoami(kAdmin, absl::Now()).ok());
  EXPECT_TRUE(api_->Whoami(others[2], absl::Now()).ok());
  EXPECT_FALSE(api_->Whoami(others[0], absl::Now()).ok());
  deny_list_.Add("u");
  EXPECT_FALSE(api_->Whoami({"satellite:u", {"satellite"}, "grpc"}, absl::Now()).ok());
}

TEST_F(ApiTest, AReadSeesTheCallersOwnWrite) {
  for (int i = 0; i < 20; ++i) {
    const std::string name = "site-" + std::to_string(i);
    ApplySite(name, "de");
    ASSERT_TRUE(api_->Get(kAdmin, GetOf("Site", name)).ok());
  }
}

TEST_F(ApiTest, PagesHoldEverythingOnce) {
  std::vector<std::string> all;
  for (int i = 0; i < 7; ++i) all.push_back("site-" + std::to_string(i));
  for (const std::string& name : all) ApplySite(name, name < "site-3" ? "de" : "ie");
  v1::ListRequest request;
  request.set_kind("sites");
  for (const int limit : {1, 2, 7, 100, 0}) {
    request.set_limit(limit);
    EXPECT_EQ(NamesOf(request), all) << limit;
  }
  request.set_limit(2);
  request.set_selector("country=de");
  EXPECT_EQ(NamesOf(request), (std::vector<std::string>{"site-0", "site-1", "site-2"}));
}

TEST_F(ApiTest, BadRequestsSayWhatToDo) {
  v1::ListRequest list;
  list.set_kind("sits");
  EXPECT_THAT(std::string(api_->List(kAdmin, list).status().message()), HasSubstr("Did you mean Site"));
  list.set_kind("GitSource");
  EXPECT_TRUE(absl::IsUnimplemented(api_->List(kAdmin, list).status()));
  list.set_kind("Site");
  list.set_limit(100'000);
  EXPECT_TRUE(absl::IsInvalidArgument(api_->List(kAdmin, list).status()));
  list.set_limit(0);
  list.set_continue_token("***");
  EXPECT_TRUE(absl::IsInvalidArgument(api_->List(kAdmin, list).status()));
  list.clear_continue_token();
  list.set_selector("a in (");
  EXPECT_TRUE(absl::IsInvalidArgument(api_->List(kAdmin, list).status()));
  const absl::Status missing = api_->Get(kAdmin, GetOf("Workload", "web")).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr("cloudctl get workloads"));
  EXPECT_TRUE(absl::IsInvalidArgument(api_->Watch(kAdmin, {}).status()));
}

TEST_F(ApiTest, NoAnswerHoldsASecret) {
  const std::string canary = "canary-0f7a";
  v1::WatchRequest watch_request;
  watch_request.add_kinds("Secret");
  auto watch = api_->Watch(kAdmin, watch_request);
  ASSERT_TRUE(watch.ok());
  Apply("apiVersion: perigee.dev/v1\nkind: Project\nmetadata: {name: default}\n");
  std::string seen =
      Apply("apiVersion: perigee.dev/v1\nkind: Secret\nmetadata: {name: pay}\nspec: {data: {api: " + canary +
            "}}\n")
          .SerializeAsString();
  v1::ListRequest list;
  list.set_kind("Secret");
  const auto listed = api_->List(kAdmin, list);
  ASSERT_EQ(listed->resources_size(), 1);
  EXPECT_EQ(listed->resources(0).secret().status().keys(0), "api");
  EXPECT_TRUE(listed->resources(0).secret().spec().encrypted().empty());
  seen += listed->SerializeAsString() + api_->Get(kAdmin, GetOf("Secret", "pay"))->SerializeAsString();
  for (bool synced = false, changed = false; !synced || !changed;) {
    const auto responses = (*watch)->Next(absl::Seconds(10));
    ASSERT_TRUE(responses.ok() && !responses->empty());
    for (const v1::WatchResponse& response : *responses) {
      synced |= response.type() == v1::WatchResponse::TYPE_SYNCED;
      changed |= response.type() == v1::WatchResponse::TYPE_PUT;
      seen += response.SerializeAsString();
    }
  }
  EXPECT_THAT(seen, Not(HasSubstr(canary)));

  v1::CreateEnrollmentTokenRequest token;
  token.set_site("berlin");
  ApplySite("berlin", "de");
  const auto created = api_->CreateEnrollmentToken(kAdmin, token);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_FALSE(created->token().empty());
  EXPECT_TRUE(created->resource().enrollment_token().spec().secret_hash().empty());
}

TEST_F(ApiTest, StrippingGoesToAnyDepth) {
  v1::ListResponse response;
  (*response.add_resources()->mutable_secret()->mutable_spec()->mutable_data())["k"] = "plain";
  response.add_resources()->mutable_user()->mutable_spec()->set_password_hash("hash");
  response.mutable_resources(1)->mutable_user()->mutable_metadata()->set_name("anna");
  StripSecrets(response);
  EXPECT_EQ(response.resources(0).secret().spec().data_size(), 0);
  EXPECT_TRUE(response.resources(1).user().spec().password_hash().empty());
  EXPECT_EQ(response.resources(1).user().metadata().name(), "anna");
}

TEST_F(ApiTest, AWatchBeginsWithWhatIsThenFollows) {
  ApplySite("berlin", "de");
  ApplySite("dublin", "ie");
  v1::WatchRequest request;
  request.add_kinds("site");
  request.set_selector("country=de");
  auto watch = api_->Watch(kAdmin, request);
  ASSERT_TRUE(watch.ok());
  auto first = (*watch)->Next(absl::ZeroDuration());
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->size(), 2u);
  EXPECT_EQ((*first)[0].resource().site().metadata().name(), "berlin");
  EXPECT_EQ((*first)[1].type(), v1::WatchResponse::TYPE_SYNCED);
  ApplySite("cork", "ie");
  ApplySite("munich", "de");
  std::vector<v1::WatchResponse> next;
  while (next.empty()) {
    const auto responses = (*watch)->Next(absl::Seconds(10));
    ASSERT_TRUE(responses.ok());
    next = *responses;
  }
  EXPECT_EQ(next[0].resource().site().metadata().name(), "munich");
  request.set_from_revision(1);
  EXPECT_TRUE(absl::IsOutOfRange(api_->Watch(kAdmin, request).status()));
}

TEST_F(ApiTest, FreshnessIsOfThisMomentAndRevocationIsAtOnce) {
  std::vector<Intent::Change> changes;
  v1::Resource resource;
  resource.mutable_satellite()->mutable_metadata()->set_name("berlin-1");
  resource.mutable_satellite()->mutable_status()->mutable_freshness()->set_state(
      "live");  // of an earlier start
  changes.push_back({"enrol", std::move(resource)});
  ASSERT_TRUE(
      model_->WaitFor(*intent_->Commit(SystemCaller("test"), std::move(changes)), absl::Seconds(10)).ok());
  const auto got = api_->Get(kAdmin, GetOf("satellite", "berlin-1"));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->resource().satellite().status().freshness().state(), "unknown");
  v1::RevokeSatelliteRequest request;
  request.set_name("berlin-1");
  request.set_why("lost");
  ASSERT_TRUE(api_->RevokeSatellite(kAdmin, request).ok());
  EXPECT_TRUE(deny_list_.Contains(got->resource().satellite().metadata().uid()));
}

TEST_F(ApiTest, EventsOfAWorkloadAreThoseOfItsReplicasToo) {
  std::vector<Intent::Change> changes;
  v1::Resource resource;
  resource.mutable_assignment()->mutable_metadata()->set_name("web-0");
  resource.mutable_assignment()->mutable_metadata()->set_project("default");
  resource.mutable_assignment()->mutable_spec()->set_workload_uid("w");
  changes.push_back({"assign", std::move(resource)});
  ASSERT_TRUE(
      model_->WaitFor(*intent_->Commit(SystemCaller("test"), std::move(changes)), absl::Seconds(10)).ok());
  const std::string uid = MetaOf(*model_->Get("Assignment", "default", "web-0")).uid();
  for (const std::string& object : {std::string("w"), uid, std::string("another")}) {
    v1::Event event;
    event.set_reason("Started");
    event.mutable_object()->set_uid(object);
    ASSERT_TRUE(observation_->PutEvents({event}).ok());
  }
  v1::ListRequest request;
  request.set_kind("events");
  EXPECT_EQ(api_->List(kAdmin, request)->resources_size(), 3);
  request.set_field_object_uid("w");
  EXPECT_EQ(api_->List(kAdmin, request)->resources_size(), 2);
}

TEST_F(ApiTest, EveryEventIsListedAndFound) {
  std::vector<std::string> newest_first;
  for (int i = 0; i < 1'300; i += 100) {  // more than the largest page, and than fit one answer
    std::vector<v1::Event> batch;
    for (int j = i; j < i + 100; ++j) {
      const std::string uid = absl::StrCat("e", j);
      batch.push_back(EventAbout(absl::StrCat("object-", i), j % 2 == 0 ? "shop" : "default"));
      batch.back().mutable_metadata()->set_uid(uid);
      batch.back().set_message(std::string(1'000, 'm'));
      newest_first.insert(newest_first.begin(), uid);
    }
    ASSERT_TRUE(observation_->PutEvents(std::move(batch)).ok());
  }
  v1::ListRequest request;
  request.set_kind("events");
  for (const int limit : {0, 7, 1'000}) {
    request.set_limit(limit);
    EXPECT_EQ(NamesOf(request), newest_first) << limit;
  }
  request.set_project("shop");
  EXPECT_EQ(NamesOf(request).size(), newest_first.size() / 2);
  EXPECT_EQ(api_->Get(kAdmin, GetOf("event", "e0"))->resource().event().metadata().name(), "e0");
  EXPECT_TRUE(absl::IsNotFound(api_->Get(kAdmin, GetOf("event", "../e0")).status()));
  request.set_continue_token("***");
  EXPECT_TRUE(absl::IsInvalidArgument(api_->List(kAdmin, request).status()));
}

TEST_F(ApiTest, RecordsRefuseASelector) {
  for (const char* kind : {"Event", "AuditRecord"}) {
    v1::ListRequest list;
    list.set_kind(kind);
    list.set_selector("a=b");
    const absl::Status refused = api_->List(kAdmin, list).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("no labels"));
  }
}

TEST_F(ApiTest, AWatchOfEventsBeginsWithWhatIsThenFollows) {
  for (const v1::Event& event :
       {EventAbout("a", "default"), EventAbout("b", "shop"), EventAbout("c", "default")}) {
    ASSERT_TRUE(observation_->PutEvents({event}).ok());
  }
  v1::WatchRequest request;
  request.add_kinds("events");
  request.set_project("default");
  auto watch = api_->Watch(kAdmin, request);
  ASSERT_TRUE(watch.ok()) << watch.status();
  const auto first = (*watch)->Next(absl::ZeroDuration());
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->size(), 3u);
  EXPECT_EQ((*first)[0].resource().event().object().uid(), "a");
  EXPECT_EQ((*first)[1].resource().event().object().uid(), "c");
  EXPECT_EQ((*first)[2].type(), v1::WatchResponse::TYPE_SYNCED);
  ASSERT_TRUE(observation_->PutEvents({EventAbout("x", "shop"), EventAbout("d", "default")}).ok());
  for (std::string last; last != "d";) {  // one of before may come twice
    const auto next = (*watch)->Next(absl::Seconds(10));
    ASSERT_TRUE(next.ok() && !next->empty());
    for (const v1::WatchResponse& response : *next) {
      last = response.resource().event().object().uid();
      EXPECT_NE(last, "x");
    }
  }
  request.set_selector("a=b");
  EXPECT_TRUE(absl::IsInvalidArgument(api_->Watch(kAdmin, request).status()));
  v1::WatchRequest audit;
  audit.add_kinds("AuditRecord");
  EXPECT_TRUE(absl::IsUnimplemented(api_->Watch(kAdmin, audit).status()));
}

TEST_F(ApiTest, AuditRecordsAreListedNewestFirst) {
  v1::ListRequest request;
  request.set_kind("auditrecords");
  EXPECT_TRUE(NamesOf(request).empty());
  for (int i = 0; i < 12; ++i) ApplySite("site-" + std::to_string(i), "de");
  ApplySite("site-3", "ie");
  std::vector<std::string> all;
  for (int i = 13; i > 0; --i) all.push_back(std::to_string(i));
  for (const int limit : {0, 1, 5, 13, 1'000}) {
    request.set_limit(limit);
    EXPECT_EQ(NamesOf(request), all) << limit;
  }
  request.set_field_object_uid(MetaOf(*model_->Get("Site", "", "site-3")).uid());
  request.set_limit(1);
  EXPECT_EQ(NamesOf(request), (std::vector<std::string>{"13", "4"}));
  const auto got = api_->Get(kAdmin, GetOf("audit", "13"));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->resource().audit_record().subject(), "user:admin");
  EXPECT_EQ(got->resource().audit_record().object().name(), "site-3");
  for (const char* missing : {"14", "0", "x", "-1"})
    EXPECT_TRUE(absl::IsNotFound(api_->Get(kAdmin, GetOf("audit", missing)).status())) << missing;
  const Caller satellite{"satellite:u", {"satellite"}, "grpc"};
  EXPECT_TRUE(absl::IsPermissionDenied(api_->List(satellite, request).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(api_->Get(satellite, GetOf("audit", "13")).status()));
}

TEST_F(ApiTest, OnlyTheKnownUserHasARole) {
  EXPECT_TRUE(api_->RolesOfUser("admin").empty());  // not made yet
  EXPECT_TRUE(api_->RolesOfUser("mallory").empty());
}

}  // namespace
}  // namespace perigee::control
