// The controllers: one thread ("controllers") that makes of intent what is due
// at each satellite: revisions, assignments, permits, entries; and says in
// status how far it has come. Woken by the model, and every half minute whatever
// happened. Each round is snapshot → pure decision → commit, so that a crash
// between any two commits leaves a state from which the next round goes on to
// the same end.
//
// It is the only writer of /entries/. It relies on status.freshness of
// satellites being the truth of this start: sessions reset it before Start.
//
//   Controllers controllers({store, model, intent, observation, sealer, SystemClock()}, {});
//   controllers.Start();
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "control-plane/controllers/dirty_objects.h"
#include "control-plane/controllers/entry_cache.h"
#include "control-plane/controllers/parts.h"
#include "shared/base/job.h"

namespace perigee::control {

class Controllers {
 public:
  struct Options {
    absl::Duration resync = absl::Seconds(30);
    // Told of every round that could not do all it wanted; it is tried again. On the controllers' thread.
    std::function<void(const absl::Status&)> on_error = nullptr;
  };
  Controllers(ControllerParts parts, Options options);
  ~Controllers();  // stops
  Controllers(const Controllers&) = delete;
  Controllers& operator=(const Controllers&) = delete;

  void Start();
  void Stop();  // idempotent

  // Instead of Start, for tests: rounds on the calling thread until nothing is left to do. An error is the first one
  // that a commit gave; what was committed before it stays.
  [[nodiscard]] absl::Status RunUntilQuiet();

 private:
  void Round();
  void Subscribe();
  void Drain();
  [[nodiscard]] absl::Status RunEntries(const std::set<std::string>& satellites);
  [[nodiscard]] absl::Status RunDirty();
  [[nodiscard]] absl::Status SweepLostSatellites();
  void Wake();

  const ControllerParts parts_;
  const Options options_;
  // Of the thread that runs rounds.
  EntryCache entries_;
  DirtyObjects dirty_;
  std::unique_ptr<Subscription> subscription_;
  std::chrono::nanoseconds next_resync_{0};
  bool swept_ = false;
  bool began_ = false;

  absl::Mutex mutex_;
  BackgroundJob* awake_ ABSL_GUARDED_BY(mutex_) = nullptr;  // who is woken by changes
  std::unique_ptr<BackgroundJob> job_;
};

}  // namespace perigee::control
