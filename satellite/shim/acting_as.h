// While it lives, files are opened with another user's rights (setfsuid), which
// takes away root's own rights on files too. The shim uses the agent's log
// directory that way, so that a link laid there leads nowhere that the agent could not go.
#pragma once

#include <sys/fsuid.h>
#include <unistd.h>

#include <cstdint>

namespace perigee::satellite {

class ActingAs {
 public:
  // -1: stays as it is.
  ActingAs(int64_t uid, int64_t gid) : active_(uid >= 0 && geteuid() == 0) {
    if (!active_) return;
    if (gid >= 0) setfsgid(static_cast<gid_t>(gid));
    setfsuid(static_cast<uid_t>(uid));
  }
  ~ActingAs() {
    if (!active_) return;
    setfsuid(geteuid());
    setfsgid(getegid());
  }
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  const bool active_;
};

}  // namespace perigee::satellite
