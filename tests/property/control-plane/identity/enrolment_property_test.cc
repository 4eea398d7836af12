// Random histories of one token against the rules as a sentence each: the number of
// identities never exceeds the uses, one key never gets two, nothing is made after the end.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "control-plane/identity/enrolment_decision.h"
#include "shared/base/sha256.h"
#include "shared/session/moment.h"
#include "tests/property/rounds.h"

namespace perigee::control {
namespace {

TEST(EnrolmentProperty, UsesBoundIdentitiesInEveryHistory) {
  for (const uint32_t seed : Rounds(2000)) {
    std::mt19937_64 random(seed);
    const auto pick = [&](int n) { return static_cast<int>(random() % n); };
    absl::Time now = absl::FromUnixSeconds(1'900'000'000);
    const absl::Time end = now + absl::Minutes(1 + pick(20));
    const int uses = 1 + pick(4);
    v1::EnrollmentToken token;
    token.mutable_spec()->set_secret_hash(Sha256Hex("s"));
    token.mutable_spec()->set_approval(pick(2) == 0 ? "auto" : "manual");
    *token.mutable_spec()->mutable_expires_at() = ToTimestamp(end);
    token.mutable_status()->set_uses_left(uses);
    std::map<int, v1::EnrollmentRequest> by_key;
    for (int step = 0; step < 40; ++step) {
      now += absl::Seconds(pick(60));
      const int key = pick(8);
      const bool right = pick(5) != 0;
      const auto found = by_key.find(key);
      const EnrolmentDecision decision =
          DecideEnrolment({.token = &token,
                           .presented_secret = right ? "s" : "t",
                           .existing = found == by_key.end() ? nullptr : &found->second},
                          now);
      const bool made =
          decision.action == EnrolmentAction::kEnrol || decision.action == EnrolmentAction::kAwaitApproval;
      ASSERT_EQ(decision.action == EnrolmentAction::kRefuse, !decision.refusal.ok()) << seed;
      ASSERT_TRUE(right || absl::IsUnauthenticated(decision.refusal)) << seed;
      if (!made) continue;
      ASSERT_TRUE(right && now < end && found == by_key.end()) << seed;
      by_key[key];
      token.mutable_status()->set_uses_left(token.status().uses_left() - 1);
    }
    ASSERT_LE(by_key.size(), static_cast<size_t>(uses)) << seed;
    ASSERT_GE(token.status().uses_left(), 0) << seed;
  }
}

}  // namespace
}  // namespace perigee::control
