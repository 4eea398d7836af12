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
    return absl::NotFoundError(absl::StrCat(data_dir,
                                            " holds no identity; enrol this host first by the line that "
                                            "`cloudctl token create --site SITE` prints"));
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
    if (!book.gone) view.replicas.push_back(RowOfBook(book, EntryOf(desired, book.id, book.current)));
  }
  return view;
}

}  // namespace perigee::satellite
