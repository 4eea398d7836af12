#include "control-plane/identity/enrolment_decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "shared/base/sha256.h"
#include "shared/base/string_views.h"
#include "shared/resource/validate.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'900'000'000);

v1::EnrollmentToken TokenOf(absl::Duration left, int uses_left, const std::string& approval) {
  v1::EnrollmentToken token;
  token.mutable_metadata()->set_name("t");
  token.mutable_spec()->set_site("berlin");
  token.mutable_spec()->set_approval(approval);
  token.mutable_spec()->set_secret_hash(Sha256Hex("right"));
  *token.mutable_spec()->mutable_expires_at() = ToTimestamp(kNow + left);
  token.mutable_status()->set_uses_left(uses_left);
  return token;
}

TEST(DecideEnrolmentTest, Table) {
  struct Case {
    const char* name;
    absl::Duration left;
    int uses;
    const char* approval;
    const char* secret;
    bool existing;
    EnrolmentAction action;
    absl::StatusCode code;
  };
  const Case cases[] = {
      {"manual waits", absl::Minutes(1), 1, "manual", "right", false, EnrolmentAction::kAwaitApproval, {}},
      {"unset is manual", absl::Minutes(1), 1, "", "right", false, EnrolmentAction::kAwaitApproval, {}},
      {"auto enrols", absl::Minutes(1), 1, "auto", "right", false, EnrolmentAction::kEnrol, {}},
      {"last moment", absl::Nanoseconds(1000), 1, "auto", "right", false, EnrolmentAction::kEnrol, {}},
      {"expired", absl::ZeroDuration(), 1, "auto", "right", false, EnrolmentAction::kRefuse,
       absl::StatusCode::kFailedPrecondition},
      {"long expired", -absl::Hours(9), 1, "auto", "right", false, EnrolmentAction::kRefuse,
       absl::StatusCode::kFailedPrecondition},
      {"used up", absl::Minutes(1), 0, "auto", "right", false, EnrolmentAction::kRefuse,
       absl::StatusCode::kFailedPrecondition},
      {"wrong secret", absl::Minutes(1), 1, "auto", "wrong", false, EnrolmentAction::kRefuse,
       absl::StatusCode::kUnauthenticated},
      {"no secret", absl::Minutes(1), 1, "auto", "", false, EnrolmentAction::kRefuse,
       absl::StatusCode::kUnauthenticated},
      {"wrong secret of expired", -absl::Hours(1), 0, "auto", "wrong", true, EnrolmentAction::kRefuse,
       absl::StatusCode::kUnauthenticated},
      {"retry", absl::Minutes(1), 0, "auto", "right", true, EnrolmentAction::kReturnExisting, {}},
      {"retry after the end",
       -absl::Hours(1),
       0,
       "auto",
       "right",
       true,
       EnrolmentAction::kReturnExisting,
       {}},
  };
  const v1::EnrollmentRequest existing;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const v1::EnrollmentToken token = TokenOf(c.left, c.uses, c.approval);
    const EnrolmentDecision decision = DecideEnrolment(
        {.token = &token, .presented_secret = c.secret, .existing = c.existing ? &existing : nullptr}, kNow);
    EXPECT_EQ(decision.action, c.action);
    EXPECT_EQ(decision.refusal.code(), c.code);
  }
}

TEST(DecideEnrolmentTest, UnknownTokenLooksLikeAWrongSecret) {
  const v1::EnrollmentToken token = TokenOf(absl::Minutes(1), 1, "auto");
  const auto unknown = DecideEnrolment({.presented_secret = "right"}, kNow);
  const auto wrong = DecideEnrolment({.token = &token, .presented_secret = "wrong"}, kNow);
  EXPECT_EQ(unknown.action, EnrolmentAction::kRefuse);
  EXPECT_EQ(unknown.refusal, wrong.refusal);
}

TEST(EnrolmentTokenTest, TextGoesRound) {
  const auto token = ParseEnrolmentToken("pgt_berlin-1_abc");
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->name, "berlin-1");
  EXPECT_EQ(token->secret, "abc");
  EXPECT_EQ(FormatEnrolmentToken(*token), "pgt_berlin-1_abc");
  for (const std::string bad :
       {"", "pgt_", "pgt__x", "pgt_a_", "xgt_a_b", "pgt_A_b", "pgt_../a_b", "pgt_secret"}) {
    const auto parsed = ParseEnrolmentToken(bad);
    EXPECT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(ToStd(parsed.status().message()).find("secret"), std::string_view::npos);
  }
}

TEST(ChooseSatelliteNameTest, FreeAndValid) {
  const std::set<std::string> there = {"edge", "berlin-1", "berlin-2"};
  const auto taken = [&](const std::string& name) { return there.contains(name); };
  const std::string longest(63, 'a');
  EXPECT_EQ(ChooseSatelliteName("box", "berlin", taken), "box");
  EXPECT_EQ(ChooseSatelliteName("edge", "berlin", taken), "edge-1");
  EXPECT_EQ(ChooseSatelliteName("", "berlin", taken), "berlin-3");
  EXPECT_EQ(ChooseSatelliteName("../etc", "berlin", taken), "berlin-3");
  EXPECT_EQ(ChooseSatelliteName("UPPER", "berlin", taken), "berlin-3");
  const auto all_long = [&](const std::string& name) { return name == longest; };
  EXPECT_TRUE(ValidateName(ChooseSatelliteName(longest, "berlin", all_long)).ok());
}

TEST(EnrolmentRequestNameTest, SameForSameAndAlwaysALabel) {
  const std::string name = EnrolmentRequestName("berlin", "uid", "key");
  EXPECT_EQ(name, EnrolmentRequestName("berlin", "uid", "key"));
  EXPECT_NE(name, EnrolmentRequestName("berlin", "uid2", "key"));
  EXPECT_NE(name, EnrolmentRequestName("berlin", "uid", "key2"));
  EXPECT_TRUE(ValidateName(name).ok());
  EXPECT_TRUE(ValidateName(EnrolmentRequestName(std::string(63, 'b'), "uid", "key")).ok());
  EXPECT_EQ(GroupFingerprint("0123456789"), "0123-4567-89");
}

TEST(DecideRecoveryTest, Table) {
  v1::Satellite known;
  v1::Satellite revoked;
  revoked.mutable_operations()->mutable_revoked()->set_active(true);
  v1::Satellite quarantined;
  quarantined.mutable_operations()->mutable_quarantined()->set_active(true);
  v1::Satellite leaving;
  leaving.mutable_metadata()->mutable_deleting_since();
  struct Case {
    const char* name;
    RecoveryPolicy policy;
    const v1::Satellite* satellite;
    int days_ago;
    bool ok;
  };
  const Case cases[] = {
      {"one day", RecoveryPolicy::kAuto, &known, 1, true},
      {"30 days", RecoveryPolicy::kAuto, &known, 30, true},
      {"89 days", RecoveryPolicy::kAuto, &known, 89, true},
      {"90 days", RecoveryPolicy::kAuto, &known, 90, true},
      {"91 days", RecoveryPolicy::kAuto, &known, 91, false},
      {"not yet expired", RecoveryPolicy::kAuto, &known, -3, true},
      {"by approval", RecoveryPolicy::kApprove, &known, 30, true},
      {"switched off", RecoveryPolicy::kRefuse, &known, 1, false},
      {"revoked", RecoveryPolicy::kAuto, &revoked, 1, false},
      {"revoked, by approval", RecoveryPolicy::kApprove, &revoked, 1, false},
      {"quarantined", RecoveryPolicy::kAuto, &quarantined, 1, false},
      {"quarantined, by approval", RecoveryPolicy::kApprove, &quarantined, 1, false},
      {"being deleted", RecoveryPolicy::kAuto, &leaving, 1, false},
      {"unknown", RecoveryPolicy::kAuto, nullptr, 1, false},
  };
  for (const Case& c : cases) {
    const absl::Status status = DecideRecovery(
        {.policy = c.policy, .satellite = c.satellite, .not_after = kNow - absl::Hours(24 * c.days_ago)},
        kNow);
    EXPECT_EQ(status.ok(), c.ok) << c.name << ": " << status;
    EXPECT_TRUE(status.ok() || absl::IsPermissionDenied(status)) << c.name;
  }
}

TEST(ParseRecoveryPolicyTest, Words) {
  EXPECT_EQ(*ParseRecoveryPolicy("auto"), RecoveryPolicy::kAuto);
  EXPECT_EQ(*ParseRecoveryPolicy("approve"), RecoveryPolicy::kApprove);
  EXPECT_EQ(*ParseRecoveryPolicy("refuse"), RecoveryPolicy::kRefuse);
  EXPECT_FALSE(ParseRecoveryPolicy("Auto").ok());
}

}  // namespace
}  // namespace perigee::control
