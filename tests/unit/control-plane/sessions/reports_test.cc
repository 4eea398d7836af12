#include "control-plane/sessions/reports.h"

#include <gtest/gtest.h>

#include "tests/unit/control-plane/sessions/hub_fixture.h"

namespace perigee::control {
namespace {

std::string Shout(std::string_view text, size_t limit) {
  std::string out(text.substr(0, limit));
  for (char& c : out) c = static_cast<char>(toupper(c));
  return out;
}

class ReportsTest : public HubFixture {
 protected:
  absl::StatusOr<JudgedStatus> Judge(const v1::StatusDelta& status) {
    return JudgeStatus(*model_, uid_, status, Shout, absl::FromUnixSeconds(99));
  }
  const std::string uid_ = AddSatellite("berlin-1");
  const std::string other_ = AddSatellite("dublin-1");
};

TEST_F(ReportsTest, WhatASiteSaysIsBoundedCleanedAndStamped) {
  const std::string assignment = AddAssignment("web-0", uid_);
  v1::StatusDelta status;
  v1::ReplicaStatus& replica = *status.add_replicas();
  replica.set_assignment_uid(assignment);
  replica.set_closed_permit_id("p1");
  replica.mutable_status()->set_state("Flying");
  replica.mutable_status()->set_message(std::string(1 << 20, 'x'));
  replica.mutable_status()->mutable_freshness()->set_state("live");
  for (int i = 0; i < 100; ++i) replica.mutable_status()->add_conditions()->set_status("Perhaps");
  const auto judged = Judge(status);
  ASSERT_TRUE(judged.ok());
  ASSERT_EQ(judged->assignments.size(), 1u);
  const v1::AssignmentStatus& stored = judged->assignments[0].second;
  EXPECT_EQ(stored.state(), "Pending");
  EXPECT_EQ(stored.message(), std::string(2048, 'X'));
  EXPECT_FALSE(stored.has_freshness());
  EXPECT_EQ(stored.observed_at().seconds(), 99);
  EXPECT_EQ(stored.closed_permit_id(), "P1");
  EXPECT_EQ(stored.conditions_size(), 32);
  EXPECT_EQ(stored.conditions(0).status(), "Unknown");
}

TEST_F(ReportsTest, OfAnotherSatelliteIsDeniedWhole) {
  v1::StatusDelta status;
  status.add_replicas()->set_assignment_uid(AddAssignment("web-0", uid_));
  status.add_replicas()->set_assignment_uid(AddAssignment("web-1", other_));
  EXPECT_TRUE(absl::IsPermissionDenied(Judge(status).status()));
}

TEST_F(ReportsTest, GoneIsSaidOrFollowsFromAFullReport) {
  const std::string said = AddAssignment("web-0", uid_, true);
  const std::string silent = AddAssignment("web-1", uid_, true);
  const std::string present = AddAssignment("web-4", uid_, true);
  AddAssignment("web-2", uid_, false);
  AddAssignment("web-3", other_, true);
  v1::StatusDelta status;
  v1::ReplicaStatus& replica = *status.add_replicas();
  replica.set_assignment_uid(said);
  replica.set_gone(true);
  auto judged = Judge(status);
  ASSERT_TRUE(judged.ok());
  ASSERT_EQ(judged->assignments.size(), 1u);
  EXPECT_TRUE(judged->assignments[0].second.gone());
  EXPECT_EQ(judged->assignments[0].second.state(), "Stopped");
  status.set_full(true);
  status.add_present(present);
  judged = Judge(status);
  ASSERT_EQ(judged->assignments.size(), 2u);
  EXPECT_EQ(judged->assignments[1].first, silent);
  EXPECT_TRUE(judged->assignments[1].second.gone());
}

TEST_F(ReportsTest, AnUnknownAssignmentIsMarked) {
  v1::StatusDelta status;
  status.add_replicas()->set_assignment_uid("0190a000-0000-7000-8000-00000000dead");
  const auto judged = Judge(status);
  ASSERT_TRUE(judged.ok());
  EXPECT_TRUE(judged->unknown);
  EXPECT_TRUE(judged->assignments.empty());
}

TEST_F(ReportsTest, AnEventIsAboutItsSendersObjectsOnly) {
  const std::string mine = AddAssignment("web-0", uid_);
  const std::string theirs = AddAssignment("web-1", other_);
  const auto judge = [&](const std::string& kind, const std::string& uid) {
    v1::EventBatch batch;
    v1::Event& event = *batch.add_events();
    event.mutable_object()->set_kind(kind);
    event.mutable_object()->set_uid(uid);
    return JudgeEvents(*model_, uid_, batch, Shout);
  };
  EXPECT_EQ((*judge("Assignment", mine))[0].object().name(), "web-0");
  EXPECT_EQ((*judge("Satellite", uid_))[0].object().name(), "berlin-1");
  EXPECT_EQ((*judge("Secret", "some uid"))[0].object().kind(), "Satellite");
  EXPECT_EQ((*judge("Assignment", "gone"))[0].object().kind(), "Satellite");
  EXPECT_TRUE(absl::IsPermissionDenied(judge("Assignment", theirs).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(judge("Satellite", other_).status()));
}

}  // namespace
}  // namespace perigee::control
