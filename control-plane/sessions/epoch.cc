#include "control-plane/sessions/epoch.h"

#include "control-plane/store/keys.h"
#include "shared/base/failpoint.h"
#include "shared/base/status.h"
#include "shared/session/entries.h"

namespace perigee::control {

absl::StatusOr<v1::Epoch> RaiseEpoch(Store& store, Random& random) {
  v1::Epoch epoch;
  int64_t revision = 0;
  const absl::StatusOr<Record> stored = store.Get(keys::Epoch());
  if (stored.ok()) {
    if (!epoch.ParseFromString(stored->value)) {
      return absl::DataLossError(
          "The stored epoch cannot be read. Restore the data directory from a backup.");
    }
    revision = stored->revision;
  } else if (!absl::IsNotFound(stored.status())) {
    return Annotate(stored.status(), "reading the epoch");
  }
  epoch.set_number(epoch.number() + 1);
  epoch.set_id(random.Bytes(kEpochIdBytes));
  PERIGEE_FAILPOINT("sessions.epoch.before_commit");
  const absl::StatusOr<int64_t> committed =
      store.Commit({.compares = {{keys::Epoch(), revision}},
                    .puts = {{keys::Epoch(), epoch.SerializeAsString()}},
                    .deletes = {}});
  if (absl::IsAborted(committed.status())) {
    return absl::FailedPreconditionError(
        "Another control plane is starting on the same store. Stop one of the two.");
  }
  PERIGEE_RETURN_IF_ERROR(Annotate(committed.status(), "raising the epoch"));
  return epoch;
}

}  // namespace perigee::control
