#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "control-plane/access/authorization.h"
#include "control-plane/grpc/grpc_server.h"
#include "control-plane/grpc/worker_pool.h"

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

}  // namespace
}  // namespace perigee::control
