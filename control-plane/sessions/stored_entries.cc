#include "control-plane/sessions/stored_entries.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/store/keys.h"
#include "control-plane/store/listing.h"
#include "proto/perigee/v1/stored.pb.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/session/entries.h"

namespace perigee::control {
namespace {

// Pages of one listing may be of different moments; a writer has to be unlucky this often in a row.
constexpr int kTries = 5;

absl::StatusOr<v1::StoredHead> LoadHead(Store& store, std::string_view satellite_uid) {
  v1::StoredHead head;
  const absl::StatusOr<Record> record = store.Get(keys::EntriesHead(satellite_uid));
  if (absl::IsNotFound(record.status())) return head;
  PERIGEE_RETURN_IF_ERROR(record);
  if (!head.ParseFromString(record->value))
    return absl::DataLossError("The head of the entries cannot be read.");
  return head;
}

absl::Status LoadEntries(Store& store, std::string_view satellite_uid, DesiredEntries* desired) {
  const auto add = [&](const Record& record) -> absl::Status {
    v1::StoredEntry stored;
    if (!stored.ParseFromString(record.value)) {
      return absl::DataLossError(absl::StrCat("The stored entry ", record.key, " cannot be read."));
    }
    std::string key = stored.entry().key();
    desired->entries.emplace(std::move(key), std::move(*stored.mutable_entry()));
    return absl::OkStatus();
  };
  return ForEachRecord(store, keys::EntryPrefix(satellite_uid), add).status();
}

}  // namespace

absl::StatusOr<DesiredEntries> LoadDesired(Store& store, std::string_view satellite_uid) {
  for (int i = 0; i < kTries; ++i) {
    PERIGEE_ASSIGN_OR_RETURN(const v1::StoredHead head, LoadHead(store, satellite_uid));
    DesiredEntries desired;
    if (head.sequence() == 0) return desired;
    desired.sequence = head.sequence();
    desired.signed_root.set_root(head.root());
    for (const v1::StoredHead::Mark& mark : head.marks())
      desired.marks.push_back({mark.epoch(), mark.sequence()});
    PERIGEE_RETURN_IF_ERROR(LoadEntries(store, satellite_uid, &desired));
    if (RootOf(desired.DigestMap()) == head.root()) return desired;
  }
  return absl::DataLossError(
      absl::StrCat("The stored entries of satellite ", ToAbsl(satellite_uid),
                   " do not add up to their root; nothing is sent to it. Restore a backup."));
}

}  // namespace perigee::control
