#include "shared/base/job.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <vector>

#include "absl/synchronization/notification.h"
#include "shared/base/process.h"

namespace perigee {
namespace {

// Counts, and lets a test wait for a count.
class Counter {
 public:
  void Add() {
    absl::MutexLock lock(&mutex_);
    ++count_;
  }
  bool WaitFor(int count) {
    const auto reached = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return count_ >= count; };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(10));
  }
  int count() {
    absl::MutexLock lock(&mutex_);
    return count_;
  }

 private:
  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(BackgroundJob, RunsAtOnceAndWhenWoken) {
  Counter runs;
  BackgroundJob job({"test-job", absl::InfiniteDuration()}, [&] { runs.Add(); });
  ASSERT_TRUE(runs.WaitFor(1));
  job.Wake();
  ASSERT_TRUE(runs.WaitFor(2));
  job.Stop();
  job.Stop();
  job.Wake();
  EXPECT_EQ(runs.count(), 2);
}

TEST(BackgroundJob, RunsAtItsInterval) {
  Counter runs;
  BackgroundJob job({"test-job", absl::Milliseconds(1)}, [&] { runs.Add(); });
  EXPECT_TRUE(runs.WaitFor(20));
}

TEST(BackgroundJob, WakingWhileItRunsRunsItAgain) {
  Counter runs;
  absl::Notification started, go_on;
  BackgroundJob job({"test-job", absl::InfiniteDuration()}, [&] {
    if (!started.HasBeenNotified()) started.Notify();
    go_on.WaitForNotification();
    runs.Add();
  });
  started.WaitForNotification();
  job.Wake();
  job.Wake();
  go_on.Notify();
  ASSERT_TRUE(runs.WaitFor(2));
  job.Stop();
  EXPECT_EQ(runs.count(), 2) << "two calls while it ran are one";
}

TEST(BackgroundJob, ThreadHasItsName) {
  absl::Notification seen;
  char name[16] = {};
  BackgroundJob job({"fifteen-letters", absl::InfiniteDuration()}, [&] {
    pthread_getname_np(pthread_self(), name, sizeof name);
    seen.Notify();
  });
  seen.WaitForNotification();
  EXPECT_STREQ(name, "fifteen-letters");
}

TEST(Executor, RunsInOrderAndAllOfThem) {
  std::vector<int> ran;  // by the executor's thread only, read after its end
  {
    Executor executor("test-executor");
    for (int i = 0; i < 1000; ++i) executor.Post([&ran, i] { ran.push_back(i); });
  }
  ASSERT_EQ(ran.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(ran[static_cast<size_t>(i)], i);
}

TEST(Executor, TasksPostedByTasksRun) {
  std::atomic<bool> ran = false;
  {
    Executor executor("test-executor");
    executor.Post([&] { executor.Post([&] { ran = true; }); });
  }
  EXPECT_TRUE(ran);
}

TEST(Executor, DelayedTasksRunInTheirTimeOrNotAtAll) {
  Counter soon;
  std::vector<int> order;
  std::atomic<bool> late = false;
  {
    Executor executor("test-executor");
    executor.PostAfter(absl::Hours(1), [&] { late = true; });
    executor.PostAfter(absl::Milliseconds(20), [&] { order.push_back(2), soon.Add(); });
    executor.PostAfter(absl::Milliseconds(1), [&] { order.push_back(1), soon.Add(); });
    ASSERT_TRUE(soon.WaitFor(2));
  }
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_FALSE(late);
}

TEST(Wakeup, TimesOutAndRemembers) {
  Wakeup wakeup;
  EXPECT_FALSE(wakeup.WaitFor(absl::Milliseconds(1)));
  EXPECT_FALSE(wakeup.WaitFor(-absl::Seconds(1)));
  wakeup.Notify();
  wakeup.Notify();
  EXPECT_TRUE(wakeup.WaitFor(absl::InfiniteDuration()));
  EXPECT_FALSE(wakeup.WaitFor(absl::ZeroDuration()));
}

}  // namespace
}  // namespace perigee
