#include "satellite/state/outbox.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "satellite/state/rows.h"
#include "shared/base/failpoint.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/reasons.h"

namespace perigee::satellite {
namespace {

constexpr char kDroppedNote[] = "events_dropped";             // how many, since the centre last heard of it
constexpr char kDroppedEventNote[] = "events_dropped_event";  // sequence of the event that says so

v1::Event DroppedEvent(int64_t dropped, const v1::Event& newest) {
  v1::Event event;
  event.set_type("Warning");
  event.set_reason(std::string(reason::kEventsDropped));
  event.set_message(
      absl::StrCat(dropped, " events of the time without a link were dropped, the oldest first"));
  *event.mutable_site_time() = newest.site_time();
  event.set_boot_id(newest.boot_id());
  event.set_site(newest.site());
  event.set_satellite(newest.satellite());
  return event;
}

}  // namespace

absl::Status Outbox::Add(const std::vector<v1::Event>& events) {
  if (events.empty()) return absl::OkStatus();
  for (const v1::Event& event : events) {
    PERIGEE_RETURN_IF_ERROR(AddOne(event).status());
    PERIGEE_FAILPOINT("state.record.event");
  }
  return Bound(events.back());
}

absl::StatusOr<uint64_t> Outbox::AddOne(const v1::Event& event) {
  // The number is the row's; it is put into the bytes when they are read.
  PERIGEE_RETURN_IF_ERROR(
      db_.Execute("INSERT INTO outbox (bytes) VALUES (?)", Blob{event.SerializeAsString()}));
  PERIGEE_ASSIGN_OR_RETURN(Statement row,
                           db_.Prepare("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"));
  PERIGEE_ASSIGN_OR_RETURN(bool found, row.Step());
  if (!found) return absl::InternalError("the outbox has no sequence");
  return static_cast<uint64_t>(row.Int(0));
}

absl::Status Outbox::Bound(const v1::Event& newest) {
  PERIGEE_ASSIGN_OR_RETURN(const int64_t count, Count());
  if (count <= limits::kOutboxEvents) return absl::OkStatus();
  // A batch at a time, so that a full outbox does not mean a deletion for each event.
  PERIGEE_ASSIGN_OR_RETURN(const int64_t gone,
                           DropOldest(count - limits::kOutboxEvents + limits::kEventBatch));
  PERIGEE_ASSIGN_OR_RETURN(const int64_t before, NumberOf(kDroppedNote));
  const int64_t dropped = before + gone;
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t sequence, AddOne(DroppedEvent(dropped, newest)));
  PERIGEE_RETURN_IF_ERROR(notes_.Write(kDroppedNote, absl::StrCat(dropped)));
  return notes_.Write(kDroppedEventNote, absl::StrCat(sequence));
}

absl::StatusOr<int64_t> Outbox::Count() {
  PERIGEE_ASSIGN_OR_RETURN(Statement row, db_.Prepare("SELECT COUNT(*) FROM outbox"));
  PERIGEE_RETURN_IF_ERROR(row.Step().status());
  return row.Int(0);
}

// How many went. The event that told of earlier ones goes too, uncounted: the next one has the sum.
absl::StatusOr<int64_t> Outbox::DropOldest(int64_t count) {
  PERIGEE_ASSIGN_OR_RETURN(int64_t said_by, NumberOf(kDroppedEventNote));
  PERIGEE_RETURN_IF_ERROR(db_.Execute("DELETE FROM outbox WHERE sequence = ?", said_by));
  PERIGEE_RETURN_IF_ERROR(db_.Execute(
      "DELETE FROM outbox WHERE sequence IN (SELECT sequence FROM outbox ORDER BY sequence LIMIT ?)", count));
  return db_.Changes();
}

absl::StatusOr<std::vector<v1::Event>> Outbox::After(uint64_t sequence, int limit) {
  PERIGEE_ASSIGN_OR_RETURN(
      Statement rows,
      db_.Prepare("SELECT sequence, bytes FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ?"));
  rows.Bind(static_cast<int64_t>(sequence), limit);
  std::vector<v1::Event> events;
  PERIGEE_RETURN_IF_ERROR(ForEachRow(rows, [&](Statement& row) {
    v1::Event event;
    if (!event.ParseFromString(std::string(row.Bytes(1)))) return;
    event.set_sequence(static_cast<uint64_t>(row.Int(0)));
    events.push_back(std::move(event));
  }));
  return events;
}

absl::Status Outbox::Acknowledge(uint64_t sequence) {
  PERIGEE_RETURN_IF_ERROR(
      db_.Execute("DELETE FROM outbox WHERE sequence <= ?", static_cast<int64_t>(sequence)));
  PERIGEE_ASSIGN_OR_RETURN(int64_t said_by, NumberOf(kDroppedEventNote));
  if (said_by == 0 || static_cast<uint64_t>(said_by) > sequence) return absl::OkStatus();
  PERIGEE_RETURN_IF_ERROR(notes_.Write(kDroppedNote, "0"));
  return notes_.Write(kDroppedEventNote, "0");
}

absl::StatusOr<int64_t> Outbox::NumberOf(const char* note) {
  PERIGEE_ASSIGN_OR_RETURN(std::string text, notes_.Read(note));
  int64_t number = 0;
  if (!text.empty() && !absl::SimpleAtoi(text, &number))
    return absl::DataLossError(absl::StrCat("note ", note));
  return number;
}

}  // namespace perigee::satellite
