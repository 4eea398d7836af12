// The one door for intent. Whatever changes a spec, labels or operations, from
// whatever source, goes: authorize → default → validate → policy → commit with
// its audit record, in one transaction.
//
// Stored is what was asked, without defaults; whether something changes is judged
// after applying the same defaults to both sides. So a release that adds a default
// changes nothing that is stored, and applying the same file again is "unchanged".
// metadata.generation rises with spec only. Secrets' content never leaves: it is
// encrypted on the way in and shown to nobody.
//
//   Intent intent({.store = store, .vault = vault, .clock = clock, .random = random});
//   auto response = intent.Apply(caller, request);       // field errors are in the response
//   auto revision = intent.Commit(SystemCaller("placement"), {{"assign", WrapObject(assignment)}});
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "control-plane/access/authorization.h"
#include "control-plane/admission/policy_hook.h"
#include "control-plane/audit/chain.h"
#include "control-plane/secrets/vault.h"
#include "control-plane/store/store.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "proto/perigee/v1/resource.pb.h"
#include "shared/base/clock.h"
#include "shared/base/random.h"

namespace perigee::control {

// Thread-safe. Changes of intent are serialized: one decision sees all commits before it.
class Intent {
 public:
  struct Parts {  // references outlive the door
    Store& store;
    const Vault& vault;
    const Clock& clock;
    Random& random;
    const AuthorizationTable& table = AuthorizationTable::BuiltIn();
    PlacementCheck placement_check = nullptr;            // null: everything fits
    PolicyHook* policy = nullptr;                        // null: everything is allowed
    ReplacementForecast replacement_forecast = nullptr;  // asked in dry runs; null: nothing is said
  };
  explicit Intent(Parts parts);

  // All documents or none. What is wrong with the manifests is in `errors` of an OK response.
  [[nodiscard]] absl::StatusOr<v1::ApplyResponse> Apply(const Caller& caller,
                                                        const v1::ApplyRequest& request);

  // A Workload gets deletingSince and stays until the controllers have removed it; other kinds go at once, or
  // FAILED_PRECONDITION names who still needs them.
  [[nodiscard]] absl::StatusOr<v1::DeleteResponse> Delete(const Caller& caller,
                                                          const v1::DeleteRequest& request);

  // For programs inside: objects as they shall be. metadata.revision is compared (0: must not exist; uid,
  // created_at and project are filled in). The status of an object is ignored when it exists already, and
  // written with it when it is new. Specs must be without defaults, as the model gives them.
  struct Change {
    std::string verb;  // for the audit record: "assign", "approve", ...
    v1::Resource object;
    bool remove = false;  // with its status
  };
  // At most limits::kTransactionKeys changes. ABORTED: a comparison was lost. The other puts, compares and
  // deletes (status, entries, key material) go into the same transaction and have no audit record.
  [[nodiscard]] absl::StatusOr<int64_t> Commit(const Caller& caller, std::vector<Change> changes,
                                               std::vector<Put> more = {},
                                               std::vector<Compare> more_compares = {},
                                               std::vector<std::string> more_deletes = {});

 private:
  Parts parts_;
  absl::Mutex mutex_;  // held from reading to commit
};

}  // namespace perigee::control
