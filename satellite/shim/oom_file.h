// Pure: kills for memory, as the kernel counts them for a cgroup.
#pragma once

#include <cstdint>
#include <string_view>

namespace perigee::satellite {

// N of the line "oom_kill N" in memory.events (v2) or memory.oom_control (v1); 0 without one.
int64_t CountOomKills(std::string_view text);

}  // namespace perigee::satellite
