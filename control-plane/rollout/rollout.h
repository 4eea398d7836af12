// Which replica of a workload at one site may be disturbed next. Pure.
//
// Invariants: at most `budget` replicas are disturbed (hold an open permit) at
// once; a Ready replica is disturbed only while no more than `budget` of the
// wanted ones would then be away, counting those that are down for reasons of
// their own; a broken replica may be replaced first, for that takes nothing
// away. A first start needs no permit. A replica whose satellite is not live is
// deferred: it is not known to be down, so it takes nothing from the budget
// unless it is disturbed already, and it gets its permit on return.
// Sites do not know of one another: one that is offline holds up itself only.
//
//   for (const Step& step : DecideSite({.replicas = ..., .budget = 1}).steps) Carry(step);
#pragma once

#include <string>
#include <vector>

namespace perigee::control {

struct RolloutReplica {
  std::string assignment_uid;
  int ordinal = 0;
  bool wanted = true;           // false: to be removed
  bool delivered = false;       // an entry was stored for it: it may run
  bool current = false;         // its stored entry is made of what is wanted now
  bool can_update = true;       // false: what is wanted now cannot be made or has no room here
  bool leaving = false;         // its removal has begun
  bool ready = false;           // as last reported
  bool live = false;            // its satellite is in a session: what was reported is so now
  bool satellite_lost = false;  // revoked or removed: nobody will ever report
  bool gone = false;            // reported as no longer there
  std::string permit_id;        // open; empty: none
  bool permit_closed = false;   // reported as used up
};

struct SiteRolloutInput {
  std::vector<RolloutReplica> replicas;  // of one workload at one site
  int budget = 1;                        // maxUnavailablePerSite
  bool paused = false;                   // nothing is replaced; what is not wanted still goes
  bool remove_all_at_once = false;       // the workload is being deleted
};

enum class StepKind {
  kRetarget,     // no entry was ever stored: simply make it what is wanted
  kReplace,      // open a permit and make it what is wanted
  kRenew,        // it is disturbed already: make it what is wanted now, under a new permit
  kRemove,       // open a permit and begin the removal
  kClosePermit,  // used up
  kForget,       // gone (or never there): delete the assignment
};
struct Step {
  StepKind kind;
  std::string assignment_uid;
  bool operator==(const Step&) const = default;
};

struct SiteRollout {
  std::vector<Step> steps;  // by ordinal, closing ones first
  int disturbed = 0;        // open permits after these steps
  int unavailable = 0;      // wanted, live, not Ready, not disturbed by us
  int deferred = 0;         // to be changed, satellite away
  int waiting = 0;          // to be changed, their turn has not come
  int blocked = 0;          // to be changed, cannot be (can_update)
};

SiteRollout DecideSite(const SiteRolloutInput& input);

}  // namespace perigee::control
