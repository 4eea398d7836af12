// What is stored of each satellite's entries, without their bytes; and the one
// place that writes them. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "control-plane/compile/compile.h"
#include "control-plane/controllers/decide_entries.h"
#include "control-plane/store/store.h"

namespace perigee::control {

class EntryCache {
 public:
  struct Stored {
    StoredEntries entries;
    uint64_t sequence = 0;
    int64_t head_revision = 0;  // of the head's key; 0: there is none
    std::vector<v1::StoredHead::Mark> marks;
  };
  using Plans = std::vector<std::pair<std::string, EntriesPlan>>;  // satellite uid -> plan

  explicit EntryCache(Store& store) : store_(store) {}

  // Reads the store the first time. The pointer is good until the next call for this satellite.
  [[nodiscard]] absl::StatusOr<const Stored*> Of(std::string_view satellite_uid);
  // Head and entries of each satellite in one transaction, compared with what was read; several satellites in one
  // where they fit. A transaction of several that fails is tried again satellite by satellite, unless the store cannot
  // write at all, so that one holds up no other. Those that were not committed are forgotten, to be read and decided again; returned: uid -> why.
  [[nodiscard]] std::map<std::string, absl::Status> Commit(const Plans& plans);
  // Deletes everything stored of a satellite that is no more, in parts.
  [[nodiscard]] absl::Status Drop(std::string_view satellite_uid);
  void Forget(std::string_view satellite_uid);

  // Why entries of this satellite could not be made at the last decision: assignment uid -> why. Returns the assignments
  // for which that is something else than before. In memory: it is decided anew after each start.
  std::vector<std::string> SetProblems(std::string_view satellite_uid,
                                       const std::map<std::string, absl::Status>& problems);
  [[nodiscard]] absl::Status ProblemOf(std::string_view satellite_uid,
                                       const std::string& assignment_uid) const;

  // Uids of all satellites that have something stored.
  [[nodiscard]] absl::StatusOr<std::vector<std::string>> Holders();

 private:
  [[nodiscard]] absl::StatusOr<Stored> Load(std::string_view satellite_uid);
  [[nodiscard]] absl::Status CommitTogether(const Plans& plans, size_t first, size_t last);
  [[nodiscard]] absl::StatusOr<v1::Epoch> CurrentEpoch();
  void Take(const EntriesPlan& plan, int64_t revision, Stored& stored);

  Store& store_;
  std::optional<v1::Epoch> epoch_;  // of this start: raised before the controllers begin
  std::map<std::string, Stored, std::less<>> satellites_;
  std::map<std::string, std::map<std::string, absl::Status>, std::less<>> problems_;
};

}  // namespace perigee::control
