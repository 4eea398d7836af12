#include "shared/session/arbiter.h"

#include <gtest/gtest.h>

namespace perigee {
namespace {

using namespace std::chrono_literals;

template <typename T>
const T* Only(const IdentityArbiter::Verdicts& verdicts) {
  return verdicts.size() == 1 ? std::get_if<T>(&verdicts[0]) : nullptr;
}

class ArbiterTest : public ::testing::Test {
 protected:
  IdentityArbiter arbiter_{absl::Seconds(3)};
};

TEST_F(ArbiterTest, TheFirstIsAdmitted) {
  EXPECT_NE(Only<IdentityArbiter::Admit>(arbiter_.Arrived("u", 1, "n", 0s)), nullptr);
  EXPECT_NE(Only<IdentityArbiter::Admit>(arbiter_.Arrived("other", 2, "n", 0s)), nullptr);
  EXPECT_TRUE(arbiter_.Ended("u", 1).empty());
  EXPECT_NE(Only<IdentityArbiter::Admit>(arbiter_.Arrived("u", 3, "n", 0s)), nullptr);
}

TEST_F(ArbiterTest, AGhostIsReplaced) {
  arbiter_.Arrived("u", 1, "n", 0s);
  const auto challenge = arbiter_.Arrived("u", 2, "nonce", 10s);
  ASSERT_NE(Only<IdentityArbiter::Challenge>(challenge), nullptr);
  EXPECT_EQ(Only<IdentityArbiter::Challenge>(challenge)->session, 1u);
  EXPECT_TRUE(arbiter_.Tick(12s).empty());
  const auto verdicts = arbiter_.Tick(13s);
  ASSERT_EQ(verdicts.size(), 2u);
  EXPECT_EQ(std::get<IdentityArbiter::Replace>(verdicts[0]).session, 1u);
  EXPECT_EQ(std::get<IdentityArbiter::Admit>(verdicts[1]).session, 2u);
  EXPECT_TRUE(arbiter_.Ended("u", 1).empty());  // the ghost's end changes nothing
  EXPECT_NE(Only<IdentityArbiter::Challenge>(arbiter_.Arrived("u", 3, "m", 14s)), nullptr);
}

TEST_F(ArbiterTest, AGhostThatEndsMakesRoomAtOnce) {
  arbiter_.Arrived("u", 1, "n", 0s);
  arbiter_.Arrived("u", 2, "nonce", 0s);
  const auto verdicts = arbiter_.Ended("u", 1);
  ASSERT_NE(Only<IdentityArbiter::Admit>(verdicts), nullptr);
  EXPECT_EQ(Only<IdentityArbiter::Admit>(verdicts)->session, 2u);
  EXPECT_FALSE(arbiter_.next_tick().has_value());
}

TEST_F(ArbiterTest, TwoThatAnswerAreBothQuarantined) {
  arbiter_.Arrived("u", 1, "n", 0s);
  arbiter_.Arrived("u", 2, "nonce", 0s);
  EXPECT_TRUE(arbiter_.Answered("u", 1, "another nonce").empty());
  EXPECT_TRUE(arbiter_.Answered("u", 2, "nonce").empty());  // the newcomer answers for itself only
  const auto verdicts = arbiter_.Answered("u", 1, "nonce");
  ASSERT_NE(Only<IdentityArbiter::QuarantineBoth>(verdicts), nullptr);
}

TEST_F(ArbiterTest, AnAnswerWithoutAChallengeIsNothing) {
  arbiter_.Arrived("u", 1, "n", 0s);
  EXPECT_TRUE(arbiter_.Answered("u", 1, "n").empty());
  EXPECT_TRUE(arbiter_.Answered("unknown", 1, "n").empty());
}

TEST_F(ArbiterTest, AThirdComesAgainLaterAndANewcomerMayLeave) {
  arbiter_.Arrived("u", 1, "n", 0s);
  arbiter_.Arrived("u", 2, "n", 0s);
  EXPECT_NE(Only<IdentityArbiter::ComeAgain>(arbiter_.Arrived("u", 3, "n", 1s)), nullptr);
  EXPECT_TRUE(arbiter_.Ended("u", 3).empty());
  EXPECT_TRUE(arbiter_.Ended("u", 2).empty());
  EXPECT_TRUE(arbiter_.Answered("u", 1, "n").empty());  // too late: nobody is contested
  EXPECT_TRUE(arbiter_.Tick(100s).empty());
}

// A link that flaps: every stream is a ghost once the next one comes, and ghosts never answer.
TEST_F(ArbiterTest, AFlappingSatelliteIsNeverQuarantined) {
  SessionId holder = 1;
  arbiter_.Arrived("u", 1, "n", 0s);
  std::chrono::nanoseconds now = 0s;
  for (SessionId next = 2; next < 200; ++next) {
    arbiter_.Arrived("u", next, "n" + std::to_string(next), now);
    now += 4s;
    const auto verdicts = next % 3 == 0 ? arbiter_.Ended("u", holder) : arbiter_.Tick(now);
    for (const auto& verdict : verdicts) {
      ASSERT_FALSE(std::holds_alternative<IdentityArbiter::QuarantineBoth>(verdict));
      if (const auto* admit = std::get_if<IdentityArbiter::Admit>(&verdict)) holder = admit->session;
    }
    ASSERT_EQ(holder, next);
  }
}

}  // namespace
}  // namespace perigee
