#include "satellite/state/replica_book.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "shared/base/record.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

// One list of fields for both directions, so that none is written and not read. `archive` has Text, Time,
// Wait, Flag and Count.
template <typename Archive, typename Book>
void EachField(Archive& archive, Book& book) {
  archive.Text("id", book.id);
  archive.Text("current", book.current);
  archive.Text("previous", book.previous);
  archive.Text("rejected", book.rejected);
  archive.Text("permit_id", book.permit_id);
  archive.Text("closed_permit_id", book.closed_permit_id);
  archive.Text("rejected_permit_id", book.rejected_permit_id);
  archive.Flag("on_previous", book.on_previous);
  archive.Text("boot_id", book.boot_id);
  archive.Wait("replaced_at", book.replaced_at);
  archive.Wait("ready_since", book.ready_since);
  archive.Wait("not_before", book.not_before);
  archive.Wait("stop_asked_at", book.stop_asked_at);
  archive.Wait("started_at", book.started_at);
  archive.Flag("ready_once", book.ready_once);
  archive.Text("run", book.run);
  archive.Flag("run_ended", book.run_ended);
  archive.Text("stop_reason", book.stop_reason);
  archive.Flag("restart_asked", book.restart_asked);
  archive.Flag("gone", book.gone);
  archive.Flag("unnamed", book.unnamed);
  archive.Count("restarts", book.restarts);
  archive.Count("backoff_attempt", book.backoff_attempt);
  archive.Text("last_exit", book.last_exit);
  archive.Text("exit_reason", book.exit_reason);
  archive.Text("state", book.state);
  archive.Text("reason", book.reason);
  archive.Time("since", book.since);
}

struct Writer {
  Record record;
  void Text(const char* name, const std::string& text) { record[name] = text; }
  void Flag(const char* name, bool flag) { record[name] = flag ? "1" : "0"; }
  void Count(const char* name, int32_t count) { record[name] = absl::StrCat(count); }
  void Wait(const char* name, absl::Duration at) {
    record[name] = absl::StrCat(absl::ToInt64Nanoseconds(at));
  }
  void Time(const char* name, absl::Time at) { record[name] = absl::StrCat(absl::ToUnixNanos(at)); }
};

struct Reader {
  const Record& record;
  bool bad = false;

  void Text(const char* name, std::string& text) {
    if (auto it = record.find(name); it != record.end()) text = it->second;
  }
  void Flag(const char* name, bool& flag) {
    if (auto it = record.find(name); it != record.end()) flag = it->second == "1";
  }
  void Count(const char* name, int32_t& count) { Number(name, &count); }
  void Wait(const char* name, absl::Duration& at) {
    int64_t nanoseconds = 0;
    if (Number(name, &nanoseconds)) at = absl::Nanoseconds(nanoseconds);
  }
  void Time(const char* name, absl::Time& at) {
    int64_t nanoseconds = 0;
    if (Number(name, &nanoseconds)) at = absl::FromUnixNanos(nanoseconds);
  }
  template <typename T>
  bool Number(const char* name, T* out) {
    auto it = record.find(name);
    if (it == record.end()) return false;
    if (absl::SimpleAtoi(it->second, out)) return true;
    bad = true;
    return false;
  }
};

}  // namespace

std::string EncodeBook(const ReplicaBook& book) {
  Writer writer;
  EachField(writer, book);
  return EncodeRecord(writer.record);
}

absl::StatusOr<ReplicaBook> DecodeBook(std::string_view bytes) {
  PERIGEE_ASSIGN_OR_RETURN(Record record, DecodeRecord(bytes));
  ReplicaBook book;
  Reader reader{record};
  EachField(reader, book);
  if (reader.bad || book.id.empty())
    return absl::InvalidArgumentError("a replica's bookkeeping cannot be read");
  return book;
}

ReplicaBook BookOfBoot(ReplicaBook book, std::string_view boot_id) {
  if (book.boot_id == boot_id) return book;
  const absl::Duration none = absl::ZeroDuration();
  book.boot_id = std::string(boot_id);
  book.replaced_at = book.ready_since = book.not_before = book.stop_asked_at = book.started_at = none;
  book.run.clear();
  book.run_ended = false;
  book.stop_reason.clear();
  book.restart_asked = false;
  book.backoff_attempt = 0;
  book.last_exit.clear();
  book.exit_reason.clear();
  book.state.clear();
  book.reason.clear();
  return book;
}

}  // namespace perigee::satellite
