#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "control-plane/access/authorization.h"
#include "control-plane/grpc/grpc_server.h"
#include "control-plane/grpc/send_queue.h"
#include "control-plane/grpc/worker_pool.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

TEST(GrpcServer, EveryServedMethodHasARowInTheTable) {
  const std::vector<std::string> served = ServedMethods();
  EXPECT_EQ(served.size(), 13u);
  EXPECT_THAT(served, ::testing::Contains("/perigee.v1.SatelliteService/Session"));
  EXPECT_TRUE(AuthorizationTable::BuiltIn().CheckCoverage(served).ok());
  const auto without =
      AuthorizationTable::Parse(R"({"rows": [{"rpc": "/perigee.v1.CloudService/Get", "roles": ["admin"]}]})");
  ASSERT_TRUE(without.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(without->CheckCoverage(served)));
}

TEST(WorkerPool, RunsAllThatWasPosted) {
  absl::BlockingCounter done(1000);
  WorkerPool pool(4, 2000);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pool.TryPost([&] { done.DecrementCount(); }));
  done.Wait();
}

TEST(WorkerPool, RefusesWhatIsTooMuchAndRunsTheRestAtItsEnd) {
  absl::Notification go;
  std::atomic<int> ran = 0;
  {
    WorkerPool pool(1, 2);
    absl::Notification busy;
    ASSERT_TRUE(pool.TryPost([&] {
      busy.Notify();
      go.WaitForNotification();
    }));
    busy.WaitForNotification();
    EXPECT_TRUE(pool.TryPost([&] { ++ran; }));
    EXPECT_TRUE(pool.TryPost([&] { ++ran; }));
    EXPECT_FALSE(pool.TryPost([&] { ++ran; }));
    pool.Post([&] { ++ran; });
    go.Notify();
  }
  EXPECT_EQ(ran, 3);
}

v1::FromControlPlane Part(size_t bytes) {
  v1::FromControlPlane message;
  message.mutable_delta()->add_puts()->set_payload(std::string(bytes, 'x'));
  return message;
}

v1::FromControlPlane Beat(uint64_t number) {
  v1::FromControlPlane message;
  message.mutable_heartbeat_ack()->set_number(number);
  return message;
}

// A snapshot is queued whole, so the largest that may be stored has to fit.
TEST(SendQueue, TakesTheLargestDeltaAndItsCompany) {
  SendQueue queue;
  uint64_t bytes = 0;
  while (bytes + limits::kDeltaPartBytes + 64 <= limits::kDeltaBytes) {
    v1::FromControlPlane part = Part(limits::kDeltaPartBytes);
    bytes += part.ByteSizeLong();
    ASSERT_TRUE(queue.Push(std::move(part))) << bytes;
  }
  EXPECT_GT(bytes, limits::kSatelliteEntriesBytes);
  for (uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(queue.Push(Beat(i)));
}

TEST(SendQueue, APeerThatDoesNotReadIsFound) {
  SendQueue queue;
  uint64_t pushed = 0;
  while (queue.Push(Beat(pushed))) ASSERT_LT(++pushed, 1'000'000u);
  EXPECT_GT(pushed, 1'000u);
}

TEST(SendQueue, AnswersToHeartbeatsOvertakeADeltaButNotWhatIsBeingWritten) {
  SendQueue queue;
  ASSERT_TRUE(queue.Push(Part(1)));
  const v1::FromControlPlane* first = queue.Begin();
  ASSERT_TRUE(queue.Push(Part(2)) && queue.Push(Part(3)) && queue.Push(Beat(1)) && queue.Push(Beat(2)));
  EXPECT_EQ(first->delta().puts(0).payload().size(), 1u);
  queue.End();
  std::vector<std::string> order;
  while (const v1::FromControlPlane* next = queue.Begin()) {
    order.push_back(next->has_delta() ? absl::StrCat("part ", next->delta().puts(0).payload().size())
                                      : absl::StrCat("beat ", next->heartbeat_ack().number()));
    queue.End();
  }
  EXPECT_THAT(order, ::testing::ElementsAre("beat 1", "beat 2", "part 2", "part 3"));
}

TEST(SendQueue, TheRestKeepsItsOrder) {
  SendQueue queue;
  v1::FromControlPlane welcome, goodbye;
  welcome.mutable_welcome();
  goodbye.mutable_goodbye();
  ASSERT_TRUE(queue.Push(welcome) && queue.Push(Part(1)) && queue.Push(goodbye) && queue.Push(Beat(1)));
  std::vector<int> order;
  while (const v1::FromControlPlane* next = queue.Begin()) {
    order.push_back(next->message_case());
    queue.End();
  }
  using Message = v1::FromControlPlane;
  EXPECT_THAT(order, ::testing::ElementsAre(Message::kWelcome, Message::kHeartbeatAck, Message::kDelta,
                                            Message::kGoodbye));
}

}  // namespace
}  // namespace perigee::control
