#include "satellite/launcher/protocol.h"

#include <gtest/gtest.h>

namespace perigee::satellite {
namespace {

TEST(LauncherProtocol, ObservedReadsAsWritten) {
  Observed full;
  full.id = "a";
  full.entry_sha256 = "ab";
  full.pid = 42;
  full.run = "boot-1-2";
  full.phase = Phase::kExited;
  full.exit = Exit{Exit::Kind::kNotStarted, 2, "program not found: /x"};
  full.started_at = absl::FromUnixNanos(5);
  full.exited_at = absl::FromUnixNanos(6);
  full.oom = true;
  full.lease_expired = true;
  full.log_dropped = 7;
  full.missing = {missing::kOwnUid, missing::kMemoryLimit};
  full.memory_bytes = 8;
  full.cpu_usec = 9;
  Observed running;
  running.id = "b";
  running.phase = Phase::kRunning;
  for (const Observed& observed : {full, running}) {
    const auto decoded = DecodeObserved(EncodeObserved(observed));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, observed);
  }
  EXPECT_FALSE(DecodeObserved({}).ok());
}

}  // namespace
}  // namespace perigee::satellite
