#include "control-plane/controllers/controllers.h"

#include <utility>

#include "control-plane/controllers/passes.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr int kMostRounds = 200;

const std::set<std::string>& WatchedKinds() {
  static const auto* const kinds = new std::set<std::string>{
      "Workload", "Assignment", "Satellite", "Site", "Project", "Config", "Secret", "EnrollmentToken"};
  return *kinds;
}

}  // namespace

Controllers::Controllers(ControllerParts parts, Options options)
    : parts_(parts), options_(std::move(options)), entries_(parts.store) {}

Controllers::~Controllers() {
  Stop();
}

void Controllers::Start() {
  // What failed is tried again each second; the body finds nothing to do otherwise.
  job_ = std::make_unique<BackgroundJob>(
      BackgroundJob::Config{.thread_name = "controllers", .interval = kRetry}, [this] { Round(); });
  {
    absl::MutexLock lock(&mutex_);
    awake_ = job_.get();
  }
  job_->Wake();
}

void Controllers::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    awake_ = nullptr;
  }
  if (job_ != nullptr) job_->Stop();
}

void Controllers::Wake() {
  absl::MutexLock lock(&mutex_);
  if (awake_ != nullptr) awake_->Wake();
}

void Controllers::Subscribe() {
  subscription_ = parts_.model.Subscribe(WatchedKinds());
  subscription_->SetWakeup([this] { Wake(); });
  dirty_.MarkAll(parts_.model);
}

void Controllers::Drain() {
  while (true) {
    if (subscription_ == nullptr) Subscribe();
    const auto changes = subscription_->Next(absl::ZeroDuration());
    if (absl::IsOutOfRange(changes.status())) {
      subscription_->SetWakeup(nullptr);
      subscription_ = nullptr;
      continue;
    }
    if (!changes.ok() || changes->empty()) return;
    for (const ModelChange& change : *changes) dirty_.Mark(parts_.model, change);
  }
}

void Controllers::Round() {
  Drain();
  if (const auto now = parts_.clock.SinceBoot(); now >= next_resync_) {
    next_resync_ = now + absl::ToChronoNanoseconds(options_.resync);
    dirty_.MarkAll(parts_.model);
  }
  absl::Status status = RunDirty();
  status.Update(SweepLostSatellites());
  if (!status.ok() && options_.on_error) options_.on_error(status);
}

absl::Status Controllers::RunEntries(const std::set<std::string>& satellites) {
  std::set<std::string> again, workloads;
  const absl::Status status = RunEntryPass(parts_, entries_, satellites, again, workloads);
  dirty_.MarkSatellites(again);
  for (const std::string& uid : workloads) dirty_.MarkWorkload(uid);
  return status;
}

absl::Status Controllers::RunDirty() {
  absl::Status first_error;
  std::set<std::string> satellites;
  // What could not be made is known in memory only: the first statuses after a start must not say less than the last
  // ones before it.
  if (!std::exchange(began_, true)) first_error.Update(RunEntries(dirty_.TakeSatellites()));
  for (const std::string& uid : dirty_.TakeWorkloads()) {
    const absl::Status status = RunWorkloadPass(parts_, entries_, uid, satellites);
    if (!status.ok()) dirty_.MarkWorkload(uid);
    first_error.Update(status);
  }
  satellites.merge(dirty_.TakeSatellites());
  first_error.Update(RunEntries(satellites));
  const std::set<std::string> sites = dirty_.TakeSites();
  if (const absl::Status status = RunSitePass(parts_, sites); !status.ok()) {
    dirty_.MarkSites(sites);
    first_error.Update(status);
  }
  if (dirty_.TakeHousekeeping()) {
    const absl::Status status = RunHousekeepingPass(parts_);
    if (!status.ok()) dirty_.MarkHousekeeping();
    first_error.Update(status);
  }
  return first_error;
}

// Entries of satellites that were deleted while nobody watched. Once: from then on deletions are seen.
absl::Status Controllers::SweepLostSatellites() {
  if (swept_) return absl::OkStatus();
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> holders, entries_.Holders());
  for (const std::string& uid : holders) {
    if (parts_.model.GetByUid("Satellite", uid) == nullptr) PERIGEE_RETURN_IF_ERROR(entries_.Drop(uid));
  }
  swept_ = true;
  return absl::OkStatus();
}

absl::Status Controllers::RunUntilQuiet() {
  PERIGEE_RETURN_IF_ERROR(SweepLostSatellites());
  for (int round = 0; round < kMostRounds; ++round) {
    Drain();
    if (dirty_.empty()) return absl::OkStatus();
    PERIGEE_RETURN_IF_ERROR(RunDirty());
    PERIGEE_RETURN_IF_ERROR(parts_.observation.Flush(kPatience));
    PERIGEE_RETURN_IF_ERROR(parts_.model.WaitFor(parts_.store.Revision(), kPatience));
  }
  return absl::InternalError("the controllers do not come to rest: two decisions undo each other");
}

}  // namespace perigee::control
