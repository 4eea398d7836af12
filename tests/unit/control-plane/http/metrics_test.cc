#include "control-plane/http/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perigee::control {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, TextHoldsEverything) {
  Metrics metrics;
  int connected = 3;
  metrics.AddGauge("perigee_satellites_connected", "Satellites with a session.", [&] { return connected; });
  metrics.AddCounterSource("perigee_sessions_total", "Sessions.", [] { return 7.0; });
  metrics.AddCounter("perigee_events_total", "Events.").Add(2);
  metrics.AddCounter("perigee_events_total", "Events.").Add();
  metrics.AddHistogram("perigee_store_commit_seconds", "Commits.", {0.1, 1}).Observe(0.5);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("perigee_build_info{version=\""));
  EXPECT_THAT(text, HasSubstr("# TYPE perigee_satellites_connected gauge\nperigee_satellites_connected 3"));
  EXPECT_THAT(text, HasSubstr("# TYPE perigee_sessions_total counter\nperigee_sessions_total 7"));
  EXPECT_THAT(text, HasSubstr("perigee_events_total 3"));
  EXPECT_THAT(text, HasSubstr("perigee_store_commit_seconds_bucket{le=\"1\"} 1"));
  EXPECT_THAT(text, HasSubstr("perigee_store_commit_seconds_count 1"));
  connected = 4;
  EXPECT_THAT(metrics.Text(), HasSubstr("perigee_satellites_connected 4"));
}

}  // namespace
}  // namespace perigee::control
