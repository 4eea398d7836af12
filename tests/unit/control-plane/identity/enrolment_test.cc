#include "control-plane/identity/enrolment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "shared/pki/spiffe.h"
#include "tests/unit/control-plane/identity/centre.h"

namespace perigee::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EnrolmentTest : public ::testing::Test {
 protected:
  ~EnrolmentTest() override { ArmFailpoints(""); }

  absl::StatusOr<v1::DecideEnrollmentResponse> Decide(const std::string& request, bool approve) {
    v1::DecideEnrollmentRequest decision;
    decision.set_request(request);
    decision.set_approve(approve);
    decision.set_why("known host");
    return centre_.enrolment->Decide(Operator(), decision);
  }

  absl::StatusOr<v1::EnrollResponse> Poll(const std::string& request, const std::string& secret) {
    v1::EnrollPollRequest poll;
    poll.set_request(request);
    poll.set_poll_secret(secret);
    return centre_.enrolment->Poll(poll, "10.0.0.1");
  }

  size_t Satellites() {
    centre_.CatchUp();
    return centre_.model->List("Satellite").size();
  }

  Centre centre_;
  Host host_;
};

TEST_F(EnrolmentTest, TokenThatApprovesGivesASatelliteAtOnce) {
  const auto answer = centre_.enrolment->Enrol(host_.Ask(centre_.Token("auto"), "edge"), "10.0.0.1");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->phase(), "Approved");
  EXPECT_EQ(answer->satellite(), "edge");
  EXPECT_EQ(answer->site(), "berlin");
  EXPECT_EQ(answer->grpc_endpoint(), "127.0.0.1:7444");
  EXPECT_EQ(answer->root_certificates(), centre_.authority->root_pem());
  EXPECT_EQ(answer->delivery_keys_size(), 1);
  const auto leaf = Certificate::FromPem(answer->certificate_chain());
  ASSERT_TRUE(leaf.ok());
  EXPECT_EQ(*leaf->Uri(), SatelliteUri(answer->satellite_uid()));

  centre_.CatchUp();
  const auto satellite =
      std::dynamic_pointer_cast<const v1::Satellite>(centre_.model->Get("Satellite", "", "edge"));
  ASSERT_NE(satellite, nullptr);
  EXPECT_EQ(satellite->metadata().uid(), answer->satellite_uid());
  EXPECT_EQ(satellite->metadata().labels().at("disk"), "ssd");
  EXPECT_EQ(satellite->spec().site(), "berlin");
  EXPECT_FALSE(satellite->spec().site_uid().empty());
  EXPECT_EQ(satellite->status().facts().capacity().at("cpu"), "4");
  EXPECT_EQ(satellite->status().certificate_serial(), leaf->Serial());
  const auto token =
      std::dynamic_pointer_cast<const v1::EnrollmentToken>(centre_.model->List("EnrollmentToken").front());
  EXPECT_EQ(token->status().uses_left(), 0);
  EXPECT_EQ(token->status().enrolled(0), answer->satellite_uid());
}

TEST_F(EnrolmentTest, ByHandItWaitsForApproval) {
  const auto asked = centre_.enrolment->Enrol(host_.Ask(centre_.Token("manual")), "10.0.0.1");
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->phase(), "Pending");
  EXPECT_TRUE(asked->certificate_chain().empty());
  EXPECT_EQ(Satellites(), 0u);
  const auto waiting = Poll(asked->request(), host_.poll_secret);
  ASSERT_TRUE(waiting.ok()) << waiting.status();
  EXPECT_EQ(waiting->phase(), "Pending");

  const auto decided = Decide(asked->request(), true);
  ASSERT_TRUE(decided.ok()) << decided.status();
  EXPECT_EQ(decided->resource().enrollment_request().status().decided_by(), "user:anna");
  EXPECT_TRUE(decided->resource().enrollment_request().spec().poll_hash().empty());
  const auto answer = Poll(asked->request(), host_.poll_secret);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->phase(), "Approved");
  EXPECT_EQ(answer->satellite(), "berlin-1");
  EXPECT_EQ(*Certificate::FromPem(answer->certificate_chain())->Uri(), SatelliteUri(answer->satellite_uid()));
  EXPECT_EQ(Satellites(), 1u);
}

TEST_F(EnrolmentTest, DecisionIsRepeatableButNotReversible) {
  const auto asked = centre_.enrolment->Enrol(host_.Ask(centre_.Token("manual")), "a");
  ASSERT_TRUE(asked.ok());
  ASSERT_TRUE(Decide(asked->request(), false).ok());
  EXPECT_TRUE(Decide(asked->request(), false).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Decide(asked->request(), true).status()));
  EXPECT_TRUE(absl::IsNotFound(Decide("nothing", true).status()));
  const auto answer = Poll(asked->request(), host_.poll_secret);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->phase(), "Denied");
  EXPECT_EQ(answer->reason(), "known host");
  EXPECT_EQ(Satellites(), 0u);
}

TEST_F(EnrolmentTest, PollNeedsItsSecret) {
  const auto asked = centre_.enrolment->Enrol(host_.Ask(centre_.Token("manual")), "a");
  ASSERT_TRUE(asked.ok());
  EXPECT_TRUE(absl::IsUnauthenticated(Poll(asked->request(), "").status()));
  EXPECT_TRUE(absl::IsUnauthenticated(Poll(asked->request(), "another secret of length").status()));
  EXPECT_TRUE(absl::IsUnauthenticated(Poll("nothing", host_.poll_secret).status()));
}

TEST_F(EnrolmentTest, RetryGivesTheSameIdentity) {
  const std::string token = centre_.Token("auto");
  const auto first = centre_.enrolment->Enrol(host_.Ask(token), "a");
  ASSERT_TRUE(first.ok());
  centre_.clock.Advance(absl::Hours(5));
  host_.poll_secret = "another secret, since the host crashed";
  const auto again = centre_.enrolment->Enrol(host_.Ask(token), "a");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->satellite_uid(), first->satellite_uid());
  EXPECT_EQ(again->certificate_chain(), first->certificate_chain());
  EXPECT_EQ(Satellites(), 1u);
  EXPECT_TRUE(Poll(first->request(), host_.poll_secret).ok());
}

TEST_F(EnrolmentTest, AnotherKeyNeedsAnotherUse) {
  const std::string token = centre_.Token("auto");
  ASSERT_TRUE(centre_.enrolment->Enrol(host_.Ask(token), "a").ok());
  const auto other = centre_.enrolment->Enrol(Host().Ask(token), "a");
  EXPECT_TRUE(absl::IsFailedPrecondition(other.status())) << other.status();
  EXPECT_EQ(Satellites(), 1u);
}

TEST_F(EnrolmentTest, ExpiredTokenIsRefused) {
  const std::string token = centre_.Token("auto", 1, "10m");
  centre_.clock.Advance(absl::Minutes(10));
  const auto answer = centre_.enrolment->Enrol(host_.Ask(token), "a");
  EXPECT_TRUE(absl::IsFailedPrecondition(answer.status())) << answer.status();
  EXPECT_EQ(Satellites(), 0u);
}

TEST_F(EnrolmentTest, GuessingIsSlowedAndNeverBlocksAValidToken) {
  const std::string token = centre_.Token("auto");
  const std::string wrong = token.substr(0, token.size() - 1) + (token.back() == 'x' ? "y" : "x");
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(absl::IsUnauthenticated(centre_.enrolment->Enrol(host_.Ask(wrong), "a").status()));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(centre_.enrolment->Enrol(host_.Ask(wrong), "a").status()));
  EXPECT_TRUE(absl::IsUnauthenticated(centre_.enrolment->Enrol(host_.Ask(wrong), "b").status()));
  EXPECT_TRUE(centre_.enrolment->Enrol(host_.Ask(token), "a").ok());
}

TEST_F(EnrolmentTest, HostileRequestsAreRefusedWithoutEffect) {
  const std::string token = centre_.Token("auto");
  std::vector<v1::EnrollRequest> requests;
  requests.push_back(host_.Ask(token));
  requests.back().set_certificate_request("garbage");
  requests.push_back(host_.Ask(token));
  requests.back().set_certificate_request(std::string(20'000, 'a'));
  requests.push_back(host_.Ask(token));
  requests.back().set_poll_secret("short");
  requests.push_back(host_.Ask(token));
  requests.back().set_sealing_certificate("garbage");
  requests.push_back(host_.Ask("pgt_"));
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto answer = centre_.enrolment->Enrol(requests[i], std::to_string(i));
    EXPECT_TRUE(absl::IsInvalidArgument(answer.status())) << i << answer.status();
    EXPECT_THAT(std::string(ToStd(answer.status().message())), Not(HasSubstr(token)));
  }
  EXPECT_EQ(Satellites(), 0u);
  EXPECT_TRUE(centre_.enrolment->Enrol(host_.Ask(token, "ok"), "a").ok());
}

TEST_F(EnrolmentTest, NamesThatAreTakenOrNoneAreReplaced) {
  const std::string token = centre_.Token("auto", 3);
  EXPECT_EQ(centre_.enrolment->Enrol(Host().Ask(token, "edge"), "a")->satellite(), "edge");
  EXPECT_EQ(centre_.enrolment->Enrol(Host().Ask(token, "edge"), "a")->satellite(), "edge-1");
  EXPECT_EQ(centre_.enrolment->Enrol(Host().Ask(token, "../a"), "a")->satellite(), "berlin-1");
}

TEST_F(EnrolmentTest, SecretOfATokenIsNowhereInTheStore) {
  const std::string token = centre_.Token("auto");
  const std::string secret = token.substr(token.rfind('_') + 1);
  EXPECT_GE(secret.size() * 5, 160u);
  ASSERT_TRUE(centre_.enrolment->Enrol(host_.Ask(token), "a").ok());
  const auto page = centre_.store->List("/", 1000, "");
  ASSERT_TRUE(page.ok());
  ASSERT_GT(page->records.size(), 3u);
  for (const Record& record : page->records) {
    EXPECT_EQ(record.value.find(secret), std::string::npos) << record.key;
    EXPECT_EQ(record.value.find(host_.poll_secret), std::string::npos) << record.key;
  }
}

TEST_F(EnrolmentTest, CreateTokenChecksWhatIsAsked) {
  centre_.AddSite("berlin");
  struct Case {
    const char* name;
    std::function<void(v1::CreateEnrollmentTokenRequest&)> change;
    absl::StatusCode code;
  };
  const Case cases[] = {
      {"as it is", [](auto&) {}, absl::StatusCode::kOk},
      {"named", [](auto& r) { r.set_name("mine"); }, absl::StatusCode::kOk},
      {"the same name again", [](auto& r) { r.set_name("mine"); }, absl::StatusCode::kAlreadyExists},
      {"no such site", [](auto& r) { r.set_site("paris"); }, absl::StatusCode::kNotFound},
      {"bad name", [](auto& r) { r.set_name("../x"); }, absl::StatusCode::kInvalidArgument},
      {"bad ttl", [](auto& r) { r.set_ttl("soon"); }, absl::StatusCode::kInvalidArgument},
      {"endless ttl", [](auto& r) { r.set_ttl("100000h"); }, absl::StatusCode::kInvalidArgument},
      {"no time", [](auto& r) { r.set_ttl("0s"); }, absl::StatusCode::kInvalidArgument},
      {"negative uses", [](auto& r) { r.set_uses(-1); }, absl::StatusCode::kInvalidArgument},
      {"too many uses", [](auto& r) { r.set_uses(1'000'000); }, absl::StatusCode::kInvalidArgument},
      {"bad approval", [](auto& r) { r.set_approval("maybe"); }, absl::StatusCode::kInvalidArgument},
      {"bad label", [](auto& r) { (*r.mutable_labels())["a b"] = "c"; }, absl::StatusCode::kInvalidArgument},
  };
  for (const Case& c : cases) {
    v1::CreateEnrollmentTokenRequest request;
    request.set_site("berlin");
    c.change(request);
    const auto response = centre_.enrolment->CreateToken(Operator(), request);
    EXPECT_EQ(response.status().code(), c.code) << c.name << ": " << response.status();
    if (!response.ok()) continue;
    EXPECT_EQ(response->ca_hash(), centre_.authority->ca_hash());
    EXPECT_TRUE(response->resource().enrollment_token().spec().secret_hash().empty()) << c.name;
  }
}

TEST_F(EnrolmentTest, CallerWithoutARoleCannotMakeATokenOrDecide) {
  centre_.AddSite("berlin");
  const Caller nobody{.subject = "user:eve", .roles = {}, .source = "grpc"};
  v1::CreateEnrollmentTokenRequest request;
  request.set_site("berlin");
  EXPECT_TRUE(absl::IsPermissionDenied(centre_.enrolment->CreateToken(nobody, request).status()));
  const auto asked = centre_.enrolment->Enrol(host_.Ask(centre_.Token("manual")), "a");
  v1::DecideEnrollmentRequest decision;
  decision.set_request(asked->request());
  decision.set_approve(true);
  EXPECT_TRUE(absl::IsPermissionDenied(centre_.enrolment->Decide(nobody, decision).status()));
  EXPECT_EQ(Satellites(), 0u);
}

// I14: whatever the number of hosts and threads, one use makes one identity.
TEST_F(EnrolmentTest, ConcurrentRedemptionsMakeOneIdentityForEachUse) {
  for (const int uses : {1, 3}) {
    const size_t before = Satellites();
    const std::string token = centre_.Token("auto", uses);
    constexpr int kThreads = 120;
    std::vector<v1::EnrollRequest> requests;
    for (int i = 0; i < kThreads; ++i) requests.push_back(Host().Ask(token));
    std::vector<absl::StatusOr<v1::EnrollResponse>> answers(kThreads, absl::UnknownError(""));
    // A second door to the same store, as another process would have it: only comparisons protect it.
    Enrolment second(centre_.context());
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        Enrolment& door = i % 2 == 0 ? *centre_.enrolment : second;
        answers[i] = door.Enrol(requests[i], std::to_string(i));
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::set<std::string> uids;
    for (const auto& answer : answers) {
      if (answer.ok()) uids.insert(answer->satellite_uid());
      EXPECT_TRUE(answer.ok() || absl::IsFailedPrecondition(answer.status())) << answer.status();
    }
    EXPECT_EQ(uids.size(), static_cast<size_t>(uses));
    EXPECT_EQ(Satellites() - before, static_cast<size_t>(uses));
  }
}

TEST_F(EnrolmentTest, ConcurrentRetriesOfOneHostGetOneIdentity) {
  const v1::EnrollRequest request = host_.Ask(centre_.Token("auto"));
  std::vector<absl::StatusOr<v1::EnrollResponse>> answers(16, absl::UnknownError(""));
  std::vector<std::thread> threads;
  for (auto& answer : answers) {
    threads.emplace_back([&] { answer = centre_.enrolment->Enrol(request, "a"); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->satellite_uid(), answers[0]->satellite_uid());
  }
  EXPECT_EQ(Satellites(), 1u);
}

TEST_F(EnrolmentTest, CrashBeforeOrAfterTheCommitNeverMakesTwo) {
  const std::string token = centre_.Token("auto");
  ArmFailpoints("identity.enrol.before_commit=error");
  EXPECT_FALSE(centre_.enrolment->Enrol(host_.Ask(token), "a").ok());
  EXPECT_EQ(Satellites(), 0u);
  ArmFailpoints("identity.enrol.after_commit=error");
  EXPECT_FALSE(centre_.enrolment->Enrol(host_.Ask(token), "a").ok());
  EXPECT_EQ(Satellites(), 1u);
  ArmFailpoints("");
  const auto answer = centre_.enrolment->Enrol(host_.Ask(token), "a");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->phase(), "Approved");
  EXPECT_EQ(Satellites(), 1u);
}

TEST_F(EnrolmentTest, EnrolmentAndDecisionsAreAudited) {
  const auto asked = centre_.enrolment->Enrol(host_.Ask(centre_.Token("manual")), "a");
  ASSERT_TRUE(Decide(asked->request(), false).ok());
  std::vector<std::string> verbs;
  const auto page = centre_.store->List("/audit/", 100, "");
  ASSERT_TRUE(page.ok());
  for (const Record& record : page->records) {
    v1::AuditRecord audit;
    ASSERT_TRUE(audit.ParseFromString(record.value));
    verbs.push_back(audit.verb() + " " + audit.object().kind() + " by " + audit.subject());
  }
  EXPECT_THAT(verbs, ::testing::ElementsAre("apply Site by user:anna", "create EnrollmentToken by user:anna",
                                            "enrol EnrollmentRequest by system:identity",
                                            "deny EnrollmentRequest by user:anna"));
}

}  // namespace
}  // namespace perigee::control
