#include "control-plane/admission/commit.h"

#include <utility>

#include "control-plane/store/keys.h"
#include "shared/base/failpoint.h"
#include "shared/base/status.h"

namespace perigee::control {

absl::StatusOr<int64_t> CommitAudited(Store& store, ChangeSet changes) {
  v1::AuditRecord head;
  int64_t head_revision = 0;
  const absl::StatusOr<Record> record = store.Get(keys::AuditHead());
  if (record.ok()) {
    head_revision = record->revision;
    if (!head.ParseFromString(record->value)) {
      return absl::DataLossError("the head of the audit log cannot be read: restore a backup");
    }
  } else if (!absl::IsNotFound(record.status())) {
    return record.status();
  }
  PERIGEE_FAILPOINT("admission.before_commit");
  auto revision = store.Commit(std::move(changes).Finish(head, head_revision));
  if (revision.ok()) PERIGEE_FAILPOINT("admission.after_commit");
  return revision;
}

}  // namespace perigee::control
