#include "control-plane/admission/observation.h"

#include <algorithm>
#include <set>

#include "absl/time/clock.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/listing.h"
#include "control-plane/watch/codec.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"
#include "shared/resource/text.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;

constexpr absl::Duration kRetryInterval = absl::Seconds(1);
constexpr std::chrono::minutes kSweepInterval{10};
constexpr absl::Duration kModelWait = absl::Seconds(5);
constexpr size_t kUidLength = 32;

// Not in the middle of a UTF-8 sequence.
void CutText(std::string& text) {
  if (text.size() <= limits::kEventTextBytes) return;
  size_t end = limits::kEventTextBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
}

// One path of a key, of a bounded length.
bool IsUsableUid(std::string_view uid) {
  return !uid.empty() && uid.size() <= 64 && uid.find('/') == std::string_view::npos;
}

absl::StatusOr<const KindInfo*> KindWithStatus(std::string_view kind, const Message& status) {
  const KindInfo* info = FindKind(kind);
  if (info == nullptr) return absl::InvalidArgumentError(absl::StrCat("there is no kind ", ToAbsl(kind)));
  const Message* own = StatusOf(*NewObject(*info));
  if (own != nullptr && own->GetDescriptor() == status.GetDescriptor()) return info;
  return absl::InvalidArgumentError(
      absl::StrCat(status.GetTypeName(), " is not the status of a ", info->kind));
}

// The centre's clock is the one that retention counts on, so nobody else sets it.
void Stamp(v1::Event& event, absl::Time now) {
  const int64_t seconds = absl::ToUnixSeconds(now);
  event.mutable_centre_time()->set_seconds(seconds);
  event.mutable_centre_time()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(now - absl::FromUnixSeconds(seconds))));
}

}  // namespace

std::string EventUid(std::string_view satellite_uid, std::string_view boot_id, uint64_t sequence) {
  return Sha256Hex(absl::StrCat(ToAbsl(satellite_uid), "/", ToAbsl(boot_id), "/", sequence))
      .substr(0, kUidLength);
}

Observation::Observation(Store& store, const Model& model, const Clock& clock, Random& random)
    : store_(store), model_(model), clock_(clock), random_(random), clock_trust_(clock) {}

absl::StatusOr<std::unique_ptr<Observation>> Observation::Open(Store& store, const Model& model,
                                                               const Clock& clock, Random& random) {
  std::unique_ptr<Observation> door(new Observation(store, model, clock, random));
  const auto add = [&door](const Record& record) -> absl::Status {
    v1::Event event;
    if (!event.ParseFromString(record.value))
      return absl::DataLossError(absl::StrCat(record.key, " cannot be read"));
    absl::MutexLock lock(&door->events_mutex_);
    door->events_.Add(event, record.revision);
    return absl::OkStatus();
  };
  PERIGEE_RETURN_IF_ERROR(ForEachRecord(store, keys::kEventPrefix, add).status());
  {
    absl::MutexLock lock(&door->events_mutex_);
    if (const auto newest = door->events_.NewestStamp()) door->clock_trust_.CompareWithLastKnown(*newest);
  }
  door->job_ = std::make_unique<BackgroundJob>(BackgroundJob::Config{"observation", kRetryInterval},
                                               [raw = door.get()] { raw->Run(); });
  return door;
}

Observation::~Observation() {
  job_.reset();  // the thread has ended: what waits is written from here, once
  Run();
}

absl::Status Observation::PutStatus(std::string_view kind, std::string_view uid, const Message& status) {
  PERIGEE_ASSIGN_OR_RETURN(const KindInfo* info, KindWithStatus(kind, status));
  if (!IsUsableUid(uid)) return absl::InvalidArgumentError("a status needs the uid of its object");
  std::string value = CanonicalBytes(status);
  if (value.size() > limits::kConfigBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the status of ", info->kind, " ", ToAbsl(uid), " has ",
                                                   value.size(), " bytes, at most ", limits::kConfigBytes,
                                                   " are taken"));
  }
  {
    absl::MutexLock lock(&mutex_);
    const StatusKey key(info->kind, uid);
    const auto found = waiting_.find(key);
    if (found != waiting_.end()) {
      found->second = std::move(value);
    } else if (waiting_.size() >= limits::kObservationQueue) {
      return absl::ResourceExhaustedError("too many objects have a new status at once; say it again later");
    } else {
      waiting_.emplace(key, std::move(value));
    }
  }
  job_->Wake();
  return absl::OkStatus();
}

absl::Status Observation::Flush(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  job_->Wake();
  absl::MutexLock lock(&mutex_);
  while (!waiting_.empty() || writing_) {
    if (written_.WaitWithDeadline(&mutex_, deadline) && (!waiting_.empty() || writing_)) {
      return absl::DeadlineExceededError(
          absl::StrCat("the status of ", waiting_.size(), " objects still waits"));
    }
  }
  return absl::OkStatus();
}

// Takes a batch out of the queue, and puts back what could not be written unless something newer waits.
void Observation::Run() {
  while (true) {
    std::map<StatusKey, std::string> batch;
    {
      absl::MutexLock lock(&mutex_);
      while (!waiting_.empty() && batch.size() < limits::kObservationBatch)
        batch.insert(waiting_.extract(waiting_.begin()));
      writing_ = !batch.empty();
      written_.SignalAll();
    }
    if (batch.empty()) break;
    const absl::Status written = WriteStatus(batch);
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (written.ok()) continue;
    waiting_.merge(batch);
    break;  // until the next interval
  }
  ForgetOldEvents();
}

// The comparison with the object's revision keeps a status from outliving its object.
absl::Status Observation::WriteStatus(const std::map<StatusKey, std::string>& batch) {
  for (int attempt = 0;; ++attempt) {
    PERIGEE_RETURN_IF_ERROR(model_.WaitFor(store_.Revision(), kModelWait));
    Transaction transaction;
    for (const auto& [key, value] : batch) {
      const ObjectPtr object = model_.GetByUid(key.first, key.second);
      if (object == nullptr || (HasStatus(*object) && EncodeStatus(*object) == value)) continue;
      const v1::ObjectMeta& meta = MetaOf(*object);
      transaction.compares.push_back({keys::Intent(key.first, meta.project(), meta.name()), meta.revision()});
      transaction.puts.push_back({keys::Status(key.first, key.second), value});
    }
    if (transaction.puts.empty()) return absl::OkStatus();
    PERIGEE_FAILPOINT("observation.before_commit");
    const auto committed = store_.Commit(std::move(transaction));
    if (committed.ok() || !absl::IsAborted(committed.status()) || attempt == kAttempts)
      return committed.status();
  }
}

absl::Status Observation::PutEvents(std::vector<v1::Event> events) {
  if (events.size() > static_cast<size_t>(limits::kEventBatch)) {
    return absl::InvalidArgumentError(
        absl::StrCat(events.size(), " events at once, at most ", limits::kEventBatch));
  }
  absl::MutexLock lock(&events_mutex_);
  const absl::Time now = clock_.Now();
  std::vector<v1::Event> added;
  std::set<std::string> uids;
  for (v1::Event& event : events) {
    v1::ObjectMeta& meta = *event.mutable_metadata();
    if (meta.uid().empty()) meta.set_uid(NewUid(random_));
    if (!IsUsableUid(meta.uid())) return absl::InvalidArgumentError("the uid of an event is not usable");
    if (events_.Contains(meta.uid()) || !uids.insert(meta.uid()).second) continue;
    meta.set_name(meta.uid());  // Get finds it by this
    CutText(*event.mutable_message());
    if (event.ByteSizeLong() > limits::kStatusMessageBytes) {
      return absl::InvalidArgumentError(absl::StrCat("an event has ", event.ByteSizeLong(),
                                                     " bytes, at most ", limits::kStatusMessageBytes,
                                                     " are taken"));
    }
    // A nanosecond apart, so that the order within a batch is not lost.
    Stamp(event, now + absl::Nanoseconds(added.size()));
    added.push_back(std::move(event));
  }
  return StoreEvents(added);
}

absl::Status Observation::StoreEvents(const std::vector<v1::Event>& added) {
  if (added.empty()) return absl::OkStatus();
  const std::vector<std::string> excess = events_.Excess(added, limits::kEventsPerObject);
  const std::set<std::string> too_many(excess.begin(), excess.end());
  Transaction transaction;
  std::vector<const v1::Event*> kept;
  for (const v1::Event& event : added) {
    if (too_many.contains(event.metadata().uid())) continue;
    kept.push_back(&event);
    transaction.puts.push_back({keys::Event(event.metadata().uid()), CanonicalBytes(event)});
  }
  for (const std::string& uid : excess) {
    if (events_.Contains(uid)) transaction.deletes.push_back(keys::Event(uid));
  }
  PERIGEE_FAILPOINT("observation.before_events");
  PERIGEE_ASSIGN_OR_RETURN(const int64_t revision, store_.Commit(std::move(transaction)));
  for (const std::string& uid : excess) events_.Remove(uid);
  for (const v1::Event* event : kept) events_.Add(*event, revision);
  return absl::OkStatus();
}

void Observation::ForgetOldEvents() {
  absl::MutexLock lock(&events_mutex_);
  // Asked at every run, so that a jump is seen whenever it comes.
  const std::optional<absl::Time> now = clock_trust_.SteadyNow();
  if (!now.has_value() || clock_.SinceBoot() < next_sweep_) return;
  const absl::Time cutoff = *now - absl::Hours(24 * limits::kEventRetentionDays);
  while (true) {
    const std::vector<std::string> old = events_.OlderThan(cutoff, limits::kTransactionKeys);
    Transaction transaction;
    for (const std::string& uid : old) transaction.deletes.push_back(keys::Event(uid));
    if (old.empty() || !store_.Commit(std::move(transaction)).ok()) break;
    for (const std::string& uid : old) events_.Remove(uid);
  }
  next_sweep_ = clock_.SinceBoot() + kSweepInterval;
}

absl::StatusOr<std::vector<v1::Event>> Observation::Events(std::string_view object_uid, int limit) const {
  std::vector<std::string> objects;
  if (!object_uid.empty()) objects.emplace_back(object_uid);
  PERIGEE_ASSIGN_OR_RETURN(EventPage page, EventsBefore(std::nullopt, objects, limit));
  std::vector<v1::Event> events;
  for (StoredEvent& stored : page.events) events.push_back(std::move(stored.event));
  return events;
}

absl::StatusOr<EventPage> Observation::EventsBefore(const std::optional<Arrival>& before,
                                                    const std::vector<std::string>& object_uids,
                                                    int limit) const {
  const size_t most = static_cast<size_t>(std::clamp(limit, 1, limits::kListPage));
  std::vector<Arrival> arrivals;
  {
    absl::MutexLock lock(&events_mutex_);
    arrivals = events_.Newest(object_uids, most + 1, before);
  }
  EventPage page;
  if (arrivals.size() > most) {
    arrivals.pop_back();
    page.more = arrivals.back();
  }
  for (Arrival& arrival : arrivals) {
    absl::StatusOr<v1::Event> event = FindEvent(arrival.uid);
    if (absl::IsNotFound(event.status())) continue;  // forgotten meanwhile
    PERIGEE_RETURN_IF_ERROR(event);
    page.events.push_back({std::move(arrival), *std::move(event)});
  }
  return page;
}

std::vector<std::string> Observation::EventUids() const {
  absl::MutexLock lock(&events_mutex_);
  return events_.Uids();
}

absl::StatusOr<v1::Event> Observation::FindEvent(std::string_view uid) const {
  if (!IsUsableUid(uid)) return absl::NotFoundError("no event has such a uid");
  PERIGEE_ASSIGN_OR_RETURN(const Record record, store_.Get(keys::Event(uid)));
  v1::Event event;
  if (event.ParseFromString(record.value)) return event;
  return absl::DataLossError(absl::StrCat(record.key, " cannot be read: restore a backup"));
}

}  // namespace perigee::control
