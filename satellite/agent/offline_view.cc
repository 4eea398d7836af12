#include "satellite/agent/offline_view.h"

#include "satellite/agent/reporting.h"
#include "satellite/state/identity.h"
#include "satellite/state/state.h"
#include "shared/base/files.h"
#include "shared/base/status.h"
#include "shared/session/features.h"
#include "shared/session/moment.h"

namespace perigee::satellite {

absl::StatusOr<LocalView> ReadOfflineView(const std::string& data_dir) {
  LocalView view;
  view.agent_running = false;
  auto identity = IdentityStore(data_dir).Read();
  if (absl::IsNotFound(identity.status())) {
    return absl::NotFoundError(absl::StrCat(
        data_dir, " holds no identity; enrol first: perigee-satellite enroll --data-dir ", data_dir));
  }
  PERIGEE_RETURN_IF_ERROR(identity.status());
  view.satellite = identity->name;
  view.site = identity->site;
  const std::string path = data_dir + "/state.db";
  if (!FileExists(path)) return view;
  PERIGEE_ASSIGN_OR_RETURN(auto state, SiteState::Open(path));
  PERIGEE_ASSIGN_OR_RETURN(Head head, state->ReadHead());
  PERIGEE_ASSIGN_OR_RETURN(std::vector<StoredEntry> entries, state->Entries());
  PERIGEE_ASSIGN_OR_RETURN(std::vector<StoredEntry> kept, state->KeptEntries());
  PERIGEE_ASSIGN_OR_RETURN(std::vector<ReplicaBook> books, state->Books());
  const Desired desired = ParseDesired(entries, kept, SatelliteFeatures());
  view.sequence = head.sequence;
  for (const ReplicaBook& book : books) {
    if (book.gone) continue;
    v1::ReplicaStatus status;
    status.mutable_status()->set_state(book.state);
    status.mutable_status()->set_reason(book.reason);
    status.mutable_status()->set_restarts(book.restarts);
    status.mutable_status()->set_exit(book.last_exit);
    status.mutable_status()->set_on_previous(book.on_previous);
    *status.mutable_status()->mutable_since() = ToTimestamp(book.since);
    view.replicas.push_back(RowOf(book.id, EntryOf(desired, book.id, book.current), status));
  }
  return view;
}

}  // namespace perigee::satellite
