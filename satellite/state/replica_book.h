// What a satellite remembers about one replica beyond what runs: which entry it
// was started from, which one it may go back to, how often it ended. Persisted
// before anything is done because of it. Times are CLOCK_BOOTTIME of the boot
// `boot_id`; on another boot they mean nothing and are dropped (BookOfBoot).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace perigee::satellite {

struct ReplicaBook {
  std::string id;  // assignment uid

  // Digests (hex) of replica entries. `current` is what it should be run from now.
  std::string current;
  std::string previous;            // kept until `current` has been Ready for its soak; empty: none
  std::string rejected;            // the site returned from it by itself; tried again under a new permit only
  std::string permit_id;           // under which `current` took the place of what was before
  std::string closed_permit_id;    // used up: `current` was Ready under it, or the replica is removed
  std::string rejected_permit_id;  // under which `rejected` was tried
  bool on_previous = false;

  // Of this boot.
  std::string boot_id;
  absl::Duration replaced_at = absl::ZeroDuration();    // `current` took over; zero: not on trial
  absl::Duration ready_since = absl::ZeroDuration();    // zero: not ready
  absl::Duration not_before = absl::ZeroDuration();     // backoff: the next start
  absl::Duration stop_asked_at = absl::ZeroDuration();  // zero: not stopping
  absl::Duration started_at = absl::ZeroDuration();     // of the run that is on
  bool ready_once = false;                              // since `replaced_at`
  std::string run;                                      // identity of the run that is on, or was last
  bool run_ended = false;                               // the end of `run` has been counted

  std::string stop_reason;     // why a stop was asked, in a word of the reason table
  bool restart_asked = false;  // by `perigee-satellite restart`
  bool gone = false;           // removed here; the centre has not confirmed yet
  // Found here without an entry, as after this host was enrolled anew: the control plane has never named it to this
  // satellite, so nothing is reported about it.
  bool unnamed = false;
  int32_t restarts = 0;
  int32_t backoff_attempt = 0;
  std::string last_exit;    // "code 1", "signal 9", or why it could not be started
  std::string exit_reason;  // word of the reason table for the last end

  // As last reported, so that `since` and the events survive an agent's restart.
  std::string state;
  std::string reason;
  absl::Time since = absl::UnixEpoch();

  bool operator==(const ReplicaBook&) const = default;
};

std::string EncodeBook(const ReplicaBook& book);
// Fields it does not know are ignored, missing ones keep their defaults. INVALID_ARGUMENT for other bytes.
absl::StatusOr<ReplicaBook> DecodeBook(std::string_view bytes);

// The book as it counts on this boot: after another boot nothing runs and no wait is left.
ReplicaBook BookOfBoot(ReplicaBook book, std::string_view boot_id);

}  // namespace perigee::satellite
