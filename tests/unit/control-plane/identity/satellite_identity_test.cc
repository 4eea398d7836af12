#include "control-plane/identity/satellite_identity.h"

#include <gtest/gtest.h>

#include "shared/pki/spiffe.h"
#include "tests/unit/control-plane/identity/centre.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

struct Enrolled {
  Host host;
  v1::EnrollResponse answer;
};

Enrolled Enrol(Centre& centre) {
  Enrolled enrolled;
  const auto answer = centre.enrolment->Enrol(enrolled.host.Ask(centre.Token("auto"), "edge"), "a");
  EXPECT_TRUE(answer.ok()) << answer.status();
  if (answer.ok()) enrolled.answer = *answer;
  centre.CatchUp();
  return enrolled;
}

void Revoke(Centre& centre) {
  v1::RevokeSatelliteRequest request;
  request.set_name("edge");
  request.set_why("stolen");
  const auto response = centre.satellites->Revoke(Operator(), request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->resource().satellite().operations().revoked().active());
}

TEST(SatelliteIdentityTest, RenewsForTheSameIdentity) {
  Centre centre;
  const Enrolled enrolled = Enrol(centre);
  centre.clock.Advance(60 * kDay);
  const Host next;
  v1::RenewRequest request;
  request.set_certificate_request(*MakeRequest(next.key));
  const auto response = centre.satellites->Renew(enrolled.answer.satellite_uid(), request);
  ASSERT_TRUE(response.ok()) << response.status();
  const auto leaf = *Certificate::FromPem(response->certificate_chain());
  EXPECT_EQ(*leaf.Uri(), SatelliteUri(enrolled.answer.satellite_uid()));
  EXPECT_TRUE(leaf.Key() == next.key.Public());
  EXPECT_EQ(leaf.NotAfter(), centre.clock.Now() + 90 * kDay);
}

TEST(SatelliteIdentityTest, RevokedGetsNothingByAnyWay) {
  Centre centre;
  const Enrolled enrolled = Enrol(centre);
  Revoke(centre);
  Revoke(centre);  // again is OK
  v1::RenewRequest renew;
  renew.set_certificate_request(*MakeRequest(enrolled.host.key));
  EXPECT_TRUE(
      absl::IsPermissionDenied(centre.satellites->Renew(enrolled.answer.satellite_uid(), renew).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(
      centre.satellites
          ->Recover(enrolled.host.AskRecovery(*centre.satellites, enrolled.answer.certificate_chain()))
          .status()));
  v1::EnrollPollRequest poll;
  poll.set_request(enrolled.answer.request());
  poll.set_poll_secret(enrolled.host.poll_secret);
  EXPECT_TRUE(absl::IsPermissionDenied(centre.enrolment->Poll(poll, "a").status()));
}

TEST(SatelliteIdentityTest, QuarantinedGetsNoCertificate) {
  Centre centre;
  const Enrolled enrolled = Enrol(centre);
  v1::Satellite satellite = static_cast<const v1::Satellite&>(
      *centre.model->GetByUid("Satellite", enrolled.answer.satellite_uid()));
  satellite.mutable_operations()->mutable_quarantined()->set_active(true);
  ASSERT_TRUE(centre.intent.Commit(SystemCaller("test"), {{"quarantine", WrapObject(satellite)}}).ok());
  centre.CatchUp();
  v1::RenewRequest renew;
  renew.set_certificate_request(*MakeRequest(enrolled.host.key));
  const absl::Status renewed = centre.satellites->Renew(enrolled.answer.satellite_uid(), renew).status();
  EXPECT_TRUE(absl::IsPermissionDenied(renewed)) << renewed;
  EXPECT_NE(renewed.message().find("Quarantined"), std::string::npos) << renewed;
  EXPECT_TRUE(absl::IsPermissionDenied(
      centre.satellites
          ->Recover(enrolled.host.AskRecovery(*centre.satellites, enrolled.answer.certificate_chain()))
          .status()));
}

TEST(SatelliteIdentityTest, UnknownIsRefused) {
  Centre centre;
  v1::RenewRequest renew;
  renew.set_certificate_request(*MakeRequest(Host().key));
  EXPECT_TRUE(absl::IsPermissionDenied(centre.satellites->Renew(NewUid(SystemRandom()), renew).status()));
  v1::RevokeSatelliteRequest revoke;
  revoke.set_name("nobody");
  EXPECT_TRUE(absl::IsNotFound(centre.satellites->Revoke(Operator(), revoke).status()));
}

TEST(SatelliteIdentityTest, RecoversUpTo90DaysAfterTheEnd) {
  for (const auto& [days, ok] : {std::pair(1, true), {30, true}, {89, true}, {91, false}}) {
    SCOPED_TRACE(days);
    Centre centre;
    const Enrolled enrolled = Enrol(centre);
    centre.clock.Advance((90 + days) * kDay);
    const auto answer = centre.satellites->Recover(
        enrolled.host.AskRecovery(*centre.satellites, enrolled.answer.certificate_chain()));
    ASSERT_EQ(answer.ok(), ok) << answer.status();
    if (!ok) continue;
    EXPECT_EQ(answer->phase(), "Approved");
    EXPECT_EQ(answer->satellite_uid(), enrolled.answer.satellite_uid());
    const auto leaf = *Certificate::FromPem(answer->certificate_chain());
    EXPECT_EQ(*leaf.Uri(), SatelliteUri(enrolled.answer.satellite_uid()));
    EXPECT_EQ(leaf.NotAfter(), centre.clock.Now() + 90 * kDay);
  }
}

TEST(SatelliteIdentityTest, RecoveryNeedsEachPartOfTheProof) {
  Centre centre;
  const Enrolled enrolled = Enrol(centre);
  centre.clock.Advance(100 * kDay);
  const std::string& chain = enrolled.answer.certificate_chain();
  const Host thief;
  const auto foreign = [&] {
    // A certificate of the right name by another authority.
    Centre other;
    return other.authority->IssueForSatellite(enrolled.answer.satellite_uid(), *MakeRequest(thief.key))
        ->chain_pem;
  }();
  const auto user = centre.authority->IssueForUser("anna", *MakeRequest(enrolled.host.key))->chain_pem;
  struct Case {
    const char* name;
    std::function<v1::RecoverRequest()> make;
  };
  const Case cases[] = {
      {"key of another", [&] { return thief.AskRecovery(*centre.satellites, chain); }},
      {"foreign authority", [&] { return thief.AskRecovery(*centre.satellites, foreign); }},
      {"a user's certificate", [&] { return enrolled.host.AskRecovery(*centre.satellites, user); }},
      {"no certificate", [&] { return enrolled.host.AskRecovery(*centre.satellites, ""); }},
      {"no signature",
       [&] {
         auto request = enrolled.host.AskRecovery(*centre.satellites, chain);
         request.clear_signature();
         return request;
       }},
      {"signature of another nonce",
       [&] {
         auto request = enrolled.host.AskRecovery(*centre.satellites, chain);
         request.set_nonce(centre.satellites->NewRecoveryNonce().nonce());
         return request;
       }},
      {"a nonce of one's own",
       [&] {
         auto request = enrolled.host.AskRecovery(*centre.satellites, chain);
         request.set_nonce(std::string(32, 'n'));
         return request;
       }},
      {"another request",
       [&] {
         auto request = enrolled.host.AskRecovery(*centre.satellites, chain);
         request.set_certificate_request(*MakeRequest(thief.key));
         return request;
       }},
  };
  for (const Case& c : cases) {
    const auto answer = centre.satellites->Recover(c.make());
    EXPECT_TRUE(absl::IsUnauthenticated(answer.status())) << c.name << ": " << answer.status();
  }
  EXPECT_TRUE(centre.satellites->Recover(enrolled.host.AskRecovery(*centre.satellites, chain)).ok());
}

TEST(SatelliteIdentityTest, NonceServesOnceAndForFiveMinutes) {
  Centre centre;
  const Enrolled enrolled = Enrol(centre);
  const std::string& chain = enrolled.answer.certificate_chain();
  const auto request = enrolled.host.AskRecovery(*centre.satellites, chain);
  EXPECT_TRUE(centre.satellites->Recover(request).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(centre.satellites->Recover(request).status()));
  const auto late = enrolled.host.AskRecovery(*centre.satellites, chain);
  centre.clock.Advance(absl::Minutes(5));
  EXPECT_TRUE(absl::IsUnauthenticated(centre.satellites->Recover(late).status()));
}

TEST(SatelliteIdentityTest, AskingForNoncesCostsNobodyElseTheirs) {
  Centre centre;
  const Enrolled enrolled = Enrol(centre);
  const auto request = enrolled.host.AskRecovery(*centre.satellites, enrolled.answer.certificate_chain());
  for (int i = 0; i < 20'000; ++i) EXPECT_NE(centre.satellites->NewRecoveryNonce().nonce(), request.nonce());
  EXPECT_TRUE(centre.satellites->Recover(request).ok());
}

TEST(SatelliteIdentityTest, NonceOfAnotherProcessIsRefused) {
  Centre centre;
  const Enrolled enrolled = Enrol(centre);
  SatelliteIdentity other(centre.context(), {});
  const auto request = enrolled.host.AskRecovery(other, enrolled.answer.certificate_chain());
  EXPECT_TRUE(absl::IsUnauthenticated(centre.satellites->Recover(request).status()));
}

TEST(SatelliteIdentityTest, RecoveryByApproval) {
  Centre centre({.recovery = RecoveryPolicy::kApprove});
  const Enrolled enrolled = Enrol(centre);
  const auto recover = [&](const std::string& chain) {
    return centre.satellites->Recover(enrolled.host.AskRecovery(*centre.satellites, chain));
  };
  centre.clock.Advance(100 * kDay);
  const auto asked = recover(enrolled.answer.certificate_chain());
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->phase(), "Pending");
  EXPECT_TRUE(asked->certificate_chain().empty());
  EXPECT_EQ(recover(enrolled.answer.certificate_chain())->request(), asked->request());

  v1::DecideEnrollmentRequest decision;
  decision.set_request(asked->request());
  decision.set_approve(true);
  const auto decided = centre.enrolment->Decide(Operator(), decision);
  ASSERT_TRUE(decided.ok()) << decided.status();
  const auto answer = recover(enrolled.answer.certificate_chain());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->phase(), "Approved");
  EXPECT_EQ(answer->satellite_uid(), enrolled.answer.satellite_uid());
  EXPECT_EQ(centre.model->List("Satellite").size(), 1u);

  // The approval was for that time away, not for ever.
  centre.clock.Advance(100 * kDay);
  const auto later = recover(answer->certificate_chain());
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ(later->phase(), "Pending");
}

TEST(SatelliteIdentityTest, RecoverySwitchedOff) {
  Centre centre({.recovery = RecoveryPolicy::kRefuse});
  const Enrolled enrolled = Enrol(centre);
  EXPECT_TRUE(absl::IsPermissionDenied(
      centre.satellites
          ->Recover(enrolled.host.AskRecovery(*centre.satellites, enrolled.answer.certificate_chain()))
          .status()));
}

}  // namespace
}  // namespace perigee::control
